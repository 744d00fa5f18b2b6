"""expected.log: what must be told, and how what was told differs from it.

    12.5        host h1         Up -> Alert
    13..15      incident h1     -> Recovering: proven: *
    -           guest vm1       runs on *, epoch 2
    ---

A stamp is a moment (give or take TOLERANCE_SECONDS), a span, - for any time, or `any`: such lines may come as often as they like, or not at
all.  `*` stands for anything (in a subject only of `any` lines).  Lines of one subject come in the order in which they stand; lines of
different subjects in any order that their stamps allow; and all above a line of dashes before all below."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import ceil, floor, inf
from pathlib import Path

from tests.kit.scenario.flaws import Flaw, Mark
from tests.kit.scenario.telling import Line

TOLERANCE_SECONDS = 0.5
BARRIER, ANY = "---", "any"
WAITING = "waiting: "
"""What an incident waits for is told when it changes, which depends on whose answer came first."""
FORM = re.compile(r"\s*(\S+)\s{2,}(\S.*?)\s{2,}(\S.*)")
SPAN = re.compile(r"(\d+(?:\.\d+)?)(?:\.\.(\d+(?:\.\d+)?))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One line.  `part` counts the barriers above it."""

    low: float
    high: float
    subject: str
    text: str
    stamp: str
    part: int = 0

    def fits(self, line: Line) -> bool:
        return self.low <= line.at <= self.high and _pattern(self.text).fullmatch(line.text) is not None

    def may_be(self, line: Line) -> bool:
        return _pattern(self.subject).fullmatch(line.subject) is not None and self.fits(line)

    def __str__(self) -> str:
        return in_columns(self.stamp, self.subject, self.text)


def read_expected(file: Path) -> list[Expected]:
    """Raises Flaw.  A story that has none yet expects nothing."""
    if not file.exists():
        return []
    lines, part = [], 0
    for number, said in enumerate(file.read_text().splitlines(), start=1):
        if said.strip() == BARRIER:
            part += 1
        elif said.strip() and not said.lstrip().startswith("#"):
            lines.append(replace(_read(said, Mark(file, number)), part=part))
    return lines


def _read(said: str, mark: Mark) -> Expected:
    match = FORM.fullmatch(said.rstrip())
    if match is None:
        raise Flaw(mark, "line", "expected a stamp, a subject and a text, two spaces between them")
    stamp, subject, text = match.groups()
    low, high = _span(stamp, mark)
    return Expected(low=low, high=high, subject=subject, text=text, stamp=stamp)


def _span(stamp: str, mark: Mark) -> tuple[float, float]:
    if stamp in ("-", ANY):
        return 0.0, inf
    match = SPAN.fullmatch(stamp)
    if match is None:
        raise Flaw(mark, "stamp", f"{stamp!r} is neither a moment (12.5), a span (12..14), - nor any")
    low = float(match[1])
    return (low, float(match[2])) if match[2] else (low - TOLERANCE_SECONDS, low + TOLERANCE_SECONDS)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(piece) for piece in text.split("*")))


# --- comparing --------------------------------------------------------------------------------------------------------


def difference(expected: Sequence[Expected], told: Sequence[Line]) -> str:
    """Empty: it was told as expected.  Else a diff: - was to be told, + was told."""
    optional = [each for each in expected if each.stamp == ANY]
    expected = [each for each in expected if each.stamp != ANY]
    came = dict(_matched(expected, told))
    matched = {id(line) for line in came.values()}
    matched |= {id(line) for line in told for each in optional if each.may_be(line)}
    surplus = [
        (line, in_columns(f"{line.at:.1f}", line.subject, line.text)) for line in told if id(line) not in matched
    ]
    wanted, got, last = [], [], 0.0
    for each in expected:
        line = came.get(each)
        last = line.at if line else last
        while surplus and surplus[0][0].at < last:
            got.append(surplus.pop(0)[1])
        wanted.append(str(each))
        got += [str(each)] if line else []
    got += [text for _, text in surplus]
    diff = list(difflib.unified_diff(wanted, got, "expected", "told", lineterm="", n=2))
    return "\n".join(diff or _out_of_turn(came, told))


def _matched(expected: Sequence[Expected], told: Sequence[Line]) -> Iterator[tuple[Expected, Line]]:
    """Subject by subject: each expected line takes the first that fits after the one before it took its own."""
    by_subject: dict[str, list[Line]] = defaultdict(list)
    for line in told:
        by_subject[line.subject].append(line)
    taken: dict[str, int] = defaultdict(int)
    for each in expected:
        lines = by_subject[each.subject]
        for index in range(taken[each.subject], len(lines)):
            if each.fits(lines[index]):
                taken[each.subject] = index + 1
                yield each, lines[index]
                break


def _out_of_turn(came: Mapping[Expected, Line], told: Sequence[Line]) -> Iterator[str]:
    """What stands below a line of dashes and was told before something above it."""
    turns = {id(line): number for number, line in enumerate(told)}
    for each, line in came.items():
        above = [other for other in came if other.part < each.part]
        last = max(above, key=lambda other: turns[id(came[other])], default=None)
        if last is not None and turns[id(came[last])] > turns[id(line)]:
            yield f"told too early:\n+{each}\n it was to come after\n-{last}"


def in_columns(stamp: str, subject: str, text: str) -> str:
    return f"{stamp:>10}  {subject:<20}  {text}"


# --- writing ----------------------------------------------------------------------------------------------------------


def agreed(tellings: Sequence[Sequence[Line]]) -> list[str]:
    """What runs of several seeds have in common, as a first draft of an expected log; what only some of them tell may come or not."""
    counted = [_by_gist(telling) for telling in tellings]
    lines: dict[str, None] = {}
    for gist in counted[0]:
        alike = [telling.get(gist, []) for telling in counted]
        subject, text = gist
        if len({len(each) for each in alike}) > 1 or text.startswith(WAITING):
            lines[in_columns(ANY, subject, text.split(": ")[0] + ": *" if text.startswith(WAITING) else text)] = None
    numbered = [_numbered(telling) for telling in tellings]
    for key in numbered[0]:
        gist = key[:2]
        if len({len(each.get(gist, [])) for each in counted}) == 1 and not gist[1].startswith(WAITING):
            lines[_common([each[key] for each in numbered])] = None
    return list(lines)


def _gist(line: Line) -> tuple[str, str]:
    """Numbers and the names of hosts left aside."""
    return line.subject, re.sub(r"\d+\.\d+|\bh\d+\b(, h\d+)*", "*", line.text)


def _by_gist(telling: Sequence[Line]) -> dict[tuple[str, str], list[Line]]:
    found: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in telling:
        found[_gist(line)].append(line)
    return found


def _numbered(telling: Sequence[Line]) -> dict[tuple[str, str, int], Line]:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    found = {}
    for line in telling:
        gist = _gist(line)
        found[(*gist, counts[gist])] = line
        counts[gist] += 1
    return found


def _common(lines: Sequence[Line]) -> str:
    low, high = min(line.at for line in lines), max(line.at for line in lines)
    spread = high - low > TOLERANCE_SECONDS
    stamp = f"{floor(low * 2 - 1) / 2:g}..{ceil(high * 2 + 1) / 2:g}" if spread else f"{(low + high) / 2:.1f}"
    text = lines[0].text
    for line in lines[1:]:
        text = _common_text(text, line.text)
    return in_columns(stamp, lines[0].subject, re.sub(r"\d+\.\d+", "*", text))


def _common_text(one: str, other: str) -> str:
    """Words that differ become stars."""
    words, others = one.split(), other.split()
    if len(words) == len(others):
        return " ".join(mine if mine == theirs else "*" for mine, theirs in zip(words, others, strict=True))
    head = [mine for mine, theirs in zip(words, others, strict=False) if mine == theirs]
    return " ".join((*head, "*"))
