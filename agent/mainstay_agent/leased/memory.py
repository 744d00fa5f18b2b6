"""What the lease daemon must still know after it was restarted, in one file on a tmpfs: gone with the host, as its guests are."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mainstay_agent.lease.ports import Remembered
from mainstay_runtime.errors import BadInput

_FORM: TypeAdapter[Remembered] = TypeAdapter(Remembered)


class TmpfsMemory:
    """A `Memory`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Remembered | None:
        """A file that cannot be read is not taken for an empty one: guests may be running that it told of."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return _FORM.validate_json(text)
        except ValidationError as error:
            raise BadInput(f"{self._path} is damaged; remove it only when no guest runs here: {error}") from error

    def save(self, remembered: Remembered) -> None:
        draft = self._path.with_suffix(".new")
        draft.write_bytes(_FORM.dump_json(remembered))
        os.replace(draft, self._path)
