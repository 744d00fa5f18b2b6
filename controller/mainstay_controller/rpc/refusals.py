"""Every reason for turning somebody away, each with its own code and words (the docstring is what the other side reads)."""

from __future__ import annotations

from mainstay_controller.fleet.enrolment import Standing
from mainstay_proto.messages import Refused
from mainstay_runtime.errors import BadInput, Denied


class WrongCa(Denied):
    """This certificate was not issued by this cloud's authority."""

    code = "wrong-ca"


class WrongIdentity(Denied):
    """This certificate belongs to another than the one who speaks."""

    code = "wrong-identity"


class WrongRole(Denied):
    """This certificate's role may not do that."""

    code = "wrong-role"


class UnknownIdentity(Denied):
    """This certificate is ours, but nobody of that name is known here."""

    code = "unknown-identity"


class Revoked(Denied):
    """This certificate was withdrawn, for its host was removed."""

    code = "revoked"


class DuplicateSession(Denied):
    """Another session with this identity is alive."""

    code = "duplicate-session"


class Overloaded(Denied):
    """Too many are coming at once; come back later."""

    code = "overloaded"


class BadHello(Denied):
    """A session begins with Hello."""

    code = "bad-hello"


def check(standing: Standing) -> None:
    """Raises what stands against somebody of that standing."""
    match standing:
        case Standing.REVOKED:
            raise Revoked
        case Standing.UNKNOWN:
            raise UnknownIdentity


def told(error: Denied | BadInput) -> Refused:
    retry_after_seconds = error.retry_after_seconds if isinstance(error, Denied) else None
    return Refused(code=error.code, detail=str(error), retry_after_seconds=retry_after_seconds)


def later(error: Denied, retry_after_seconds: float) -> Denied:
    error.retry_after_seconds = retry_after_seconds
    return error
