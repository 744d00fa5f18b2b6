"""script.txt: what is done when, one deed a line, in seconds from the beginning of the story.

    10    power off h1
    12.5  user stops vm2
    60    end

A name such as h1..h3 stands for three, `h1, h4` for two, `all hosts` for all.  The sentences are in `verbs`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.kit.scenario.cloud import StoryCloud
from tests.kit.scenario.cloud_file import CloudSpec, expanded
from tests.kit.scenario.flaws import Flaw, Mark, unknown
from tests.kit.scenario.verbs import VERBS

FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s+(\S.*)")
END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    at: float
    text: str
    do: Callable[[StoryCloud], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    steps: tuple[Step, ...]
    ends_at: float


def read_script(file: Path, spec: CloudSpec) -> Script:
    """Raises Flaw."""
    steps: list[Step] = []
    for number, said in enumerate(file.read_text().splitlines(), start=1):
        mark, told = Mark(file, number), said.partition("#")[0].strip()
        if not told:
            continue
        at, sentence = _timed(told, mark)
        if steps and at < steps[-1].at:
            raise Flaw(mark, "time", f"{at:g} comes after {steps[-1].at:g}")
        if sentence == END:
            return Script(steps=tuple(steps), ends_at=at)
        steps.append(Step(at=at, text=sentence, do=_deed(sentence, spec, mark)))
    raise Flaw(Mark(file, 1), END, "a story must say when it ends: `60  end`")


def _timed(told: str, mark: Mark) -> tuple[float, str]:
    match = FORM.fullmatch(told)
    if match is None:
        raise Flaw(mark, "time", f"expected seconds and a deed, as in `10  power off h1`, not {told!r}")
    return float(match[1]), match[2]


def _deed(sentence: str, spec: CloudSpec, mark: Mark) -> Callable[[StoryCloud], None]:
    for form, do in VERBS.items():
        match = pattern_of(form).fullmatch(sentence)
        if match is not None:
            named = {name: _value(name, said, spec, mark) for name, said in match.groupdict().items()}
            return partial(_do, do, named)
    raise unknown(mark, "verb", sentence, VERBS)


def _do(do: Callable[..., None], named: dict[str, Any], cloud: StoryCloud) -> None:
    do(cloud, **named)


def pattern_of(form: str) -> re.Pattern[str]:
    """{hosts} in a form is whatever stands in its place."""
    pieces = re.split(r"\{(\w+)\}", form)
    return re.compile("".join(f"(?P<{piece}>.+?)" if odd % 2 else re.escape(piece) for odd, piece in enumerate(pieces)))


def _value(name: str, said: str, spec: CloudSpec, mark: Mark) -> object:
    match name:
        case "machines" if said != "all hosts":
            return _several(name, said, [*spec.hosts, *spec.controller_names], mark)
        case "hosts" | "machines":
            return _several("hosts", said, spec.hosts, mark)
        case "host" | "other":
            return _one(name, said, spec.hosts, mark)
        case "guests":
            return _several(name, said, spec.guests, mark)
        case "guest":
            return _one(name, said, spec.guests, mark)
        case "controllers":
            return _several(name, said, spec.controller_names, mark)
        case "controller":
            return _one(name, said, spec.controller_names, mark)
        case "pool":
            return _one(name, said, spec.pools, mark)
        case "cluster":
            return _one(name, said, spec.clusters, mark)
        case "offering":
            return _one(name, said, spec.offerings, mark)
        case "machine" | "peer":
            return _one(name, said, [*spec.hosts, *spec.controller_names], mark)
        case "seconds" | "percent" | "count":
            return _number(name, said, mark)
        case _:
            return said


def _several(field: str, said: str, known: Collection[str], mark: Mark) -> tuple[str, ...]:
    if said == f"all {field}":
        return tuple(known)
    names = [name for part in said.split(",") for name in expanded(part.strip())]
    return tuple(_one(field, name, known, mark) for name in names)


def _one(field: str, said: str, known: Iterable[str], mark: Mark) -> str:
    if said not in known:
        raise unknown(mark, field, said, known)
    return said


def _number(field: str, said: str, mark: Mark) -> float:
    try:
        return float(said)
    except ValueError as error:
        raise Flaw(mark, field, f"{said!r} is not a number") from error
