"""The one gate: what a client sent, untrusted until here, becomes a request dataclass, typed behind it.

Names are compared without regard to case; blank numbers and references count as absent, a blank required value as missing; unknown
parameters are ignored, as CloudStack does.  Every refusal names the parameter and the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mainstay_controller.api.errors import Malformed, invalid_parameter, missing_parameter
from mainstay_controller.api.parameters import Parameter, Shape

INDEXED_NAME = re.compile(r"(?P<map>\w+)\[(?P<index>\d{1,4})\](?:\.(?P<key>.+))?", re.DOTALL)
PARAMETERS_MAX = 1000

Indexed = dict[str, dict[int, dict[str, str]]]


class Format(StrEnum):
    JSON = "json"
    XML = "xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class UntrustedCall:
    """One HTTP request, read but not believed."""

    parameters: Mapping[str, str]
    method: str = "GET"
    remote: str = ""
    origin: str = ""
    cookies: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        return self.parameters.get("command", "")

    @property
    def format(self) -> Format:
        """XML unless JSON is asked for, as in CloudStack."""
        return Format.JSON if self.parameters.get("response", "").lower() == "json" else Format.XML

    def named(self, name: str) -> str | None:
        """The value of a parameter, whatever the case of its name."""
        return next((value for key, value in self.parameters.items() if key.lower() == name), None)


def merge(query: Sequence[tuple[str, str]], form: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Query and form as one; the form wins.  A name given twice in one of them with two values is refused."""
    if len(query) + len(form) > PARAMETERS_MAX:
        raise Malformed(f"The request has more than {PARAMETERS_MAX} parameters")
    return {**_without_repeats(query), **_without_repeats(form)}


def typed_arguments(command: str, parameters: Sequence[Parameter], untrusted: Mapping[str, str]) -> dict[str, object]:
    """The arguments of the request dataclass; what was not sent is left to its default."""
    plain, indexed = _sorted_out(untrusted)
    arguments: dict[str, object] = {}
    for parameter in parameters:
        value = _argument(command, parameter, plain.get(parameter.name), indexed.get(parameter.name))
        if value is not None:
            arguments[parameter.field] = value
        elif parameter.required:
            raise missing_parameter(command, parameter.name)
    return arguments


def _without_repeats(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for name, value in pairs:
        if merged.setdefault(name, value) != value:
            raise Malformed(f"Parameter {name} is given twice with different values")
    return merged


def _sorted_out(untrusted: Mapping[str, str]) -> tuple[dict[str, str], Indexed]:
    """Plain parameters by lower-case name, and `details[0].key=value` ones by name, index and key."""
    plain: dict[str, str] = {}
    indexed: Indexed = {}
    for name, value in untrusted.items():
        match = INDEXED_NAME.fullmatch(name)
        if match is None:
            plain[name.lower()] = value
            continue
        entry = indexed.setdefault(match["map"].lower(), {}).setdefault(int(match["index"]), {})
        entry[match["key"] or ""] = value
    return plain, indexed


def _argument(
    command: str, parameter: Parameter, plain: str | None, indexed: dict[int, dict[str, str]] | None
) -> object | None:
    if parameter.shape in (Shape.MAP, Shape.MAPS):
        return _entries(command, parameter, plain, indexed)
    if plain is None or _counts_as_absent(parameter, plain):
        return None
    if parameter.shape is Shape.SCALAR:
        return _read(command, parameter, plain)
    return tuple(_read(command, parameter, one.strip()) for one in plain.split(",") if one.strip())


def _counts_as_absent(parameter: Parameter, value: str) -> bool:
    if value.strip():
        return False
    return parameter.required or (parameter.shape is Shape.SCALAR and parameter.word != "string")


def _read(command: str, parameter: Parameter, value: str) -> object:
    try:
        return parameter.parse(value)
    except ValueError as error:
        raise invalid_parameter(command, parameter.name, value, str(error)) from None


def _entries(
    command: str, parameter: Parameter, plain: str | None, indexed: dict[int, dict[str, str]] | None
) -> object | None:
    if plain:
        raise invalid_parameter(command, parameter.name, plain, f"it is a map: send {parameter.name}[0].key=value")
    if not indexed:
        return None
    if any("" in entry for entry in indexed.values()):
        raise invalid_parameter(command, parameter.name, "", f"an entry has no key: send {parameter.name}[0].key=value")
    rows = [
        {key: str(_read(command, parameter, value)) for key, value in indexed[index].items()}
        for index in sorted(indexed)
    ]
    if parameter.shape is Shape.MAPS:
        return tuple({key.lower(): value for key, value in row.items()} for row in rows)
    return {key: value for row in rows for key, value in _as_pairs(row)}


def _as_pairs(row: dict[str, str]) -> list[tuple[str, str]]:
    """`[0].key=k & [0].value=v` says k=v; anything else says what it says."""
    if set(row) == {"key", "value"}:
        return [(row["key"], row["value"])]
    return list(row.items())
