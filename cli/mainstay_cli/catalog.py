"""The commands a controller offers to this caller, as its listApis tells, found however they are written.

`listHosts`, `list hosts`, `list-hosts` and `LISTHOSTS` are one command; what is not there is answered with what comes near."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from mainstay_cli.client import Client, Row, nested, text
from mainstay_runtime.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    name: str
    description: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    name: str
    description: str
    runs_as_job: bool
    arguments: tuple[Argument, ...]

    def takes(self, name: str) -> bool:
        return any(argument.name == name for argument in self.arguments)


class Catalog:
    def __init__(self, apis: Iterable[Api]) -> None:
        self.apis = sorted(apis, key=lambda api: api.name)
        self._by_letters = {_letters(api.name): api for api in self.apis}

    def find(self, words: Sequence[str]) -> Api:
        """Raises BadInput."""
        found = self._by_letters.get(_letters("".join(words)))
        if found is None:
            near = get_close_matches(_letters("".join(words)), self._by_letters, n=3)
            hint = f"; did you mean {' or '.join(self._by_letters[each].name for each in near)}?" if near else ""
            raise BadInput(f"there is no command '{' '.join(words)}' for you here{hint}")
        return found


async def read_catalog(client: Client) -> Catalog:
    return Catalog(_api(row) for row in await client.rows("listApis"))


def arguments_of(api: Api, pairs: Sequence[str]) -> dict[str, str]:
    """`name=value` as parameters; a name the command does not take is refused here, with what comes near."""
    known = {argument.name for argument in api.arguments}
    arguments = {}
    for pair in pairs:
        name, is_pair, value = pair.partition("=")
        plain = name.partition("[")[0].replace("-", "").lower()
        if not is_pair:
            raise BadInput(f"{pair!r} is no argument: write name=value")
        if plain not in known:
            near = get_close_matches(plain, known, n=1)
            raise BadInput(f"{api.name} takes no {name}{f'; did you mean {near[0]}?' if near else ''}")
        arguments[plain + name[len(name.partition("[")[0]) :]] = value
    missing = [each.name for each in api.arguments if each.required and not _given(each.name, arguments)]
    if missing:
        raise BadInput(f"{api.name} needs {', '.join(missing)}")
    return arguments


def _given(name: str, arguments: Iterable[str]) -> bool:
    return any(argument.partition("[")[0] == name for argument in arguments)


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _api(row: Row) -> Api:
    return Api(
        name=text(row, "name"),
        description=text(row, "description"),
        runs_as_job=row.get("isasync") is True,
        arguments=tuple(
            Argument(
                name=text(param, "name"),
                description=text(param, "description"),
                type=text(param, "type"),
                required=param.get("required") is True,
            )
            for param in nested(row, "params")
        ),
    )
