"""Few errors, each with a stable code; the docstring is the default message."""

from __future__ import annotations


class MainstayError(Exception):
    """Something went wrong."""

    code = "error"

    def __init__(self, message: str | None = None, /, **facts: object) -> None:
        self.facts = facts
        super().__init__(message or (self.__doc__ or "").strip().split("\n")[0])


class Unavailable(MainstayError):
    """The other side cannot be reached."""

    code = "unavailable"


class DeadlineExceeded(MainstayError):
    """No answer in time; the effect is unknown."""

    code = "deadline"


class BadInput(MainstayError):
    """A value cannot be used."""

    code = "bad-input"


class Denied(MainstayError):
    """The other side refused; trying again the same way will not help."""

    code = "denied"
    retry_after_seconds: float | None = None  # unless it says when
