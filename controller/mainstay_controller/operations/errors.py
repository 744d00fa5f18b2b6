"""What an operation answers when it cannot do what was asked: few classes, each with CloudStack's two numbers.

`errorcode` is the HTTP status and job result code of the query API, `cserrorcode` CloudStack's finer number (reference 1.5).
A message always names what is wrong: the field and the reason, the host and the number."""

from __future__ import annotations

from typing import ClassVar

from mainstay_runtime.errors import MainstayError


class OperationError(MainstayError):
    """The operation failed."""

    code = "internal"
    errorcode: ClassVar[int] = 530
    cserrorcode: ClassVar[int] = 4250


class InvalidParameter(OperationError):
    """A parameter has a value that cannot be used."""

    code = "invalid-parameter"
    errorcode = 431
    cserrorcode = 4350

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"Invalid parameter {field}: {reason}", field=field, reason=reason)


class Unsupported(OperationError):
    """This cloud does not do that."""

    code = "unsupported"
    errorcode = 432
    cserrorcode = 4250


class PermissionDenied(OperationError):
    """The caller may not do that."""

    code = "permission-denied"
    errorcode = 531
    cserrorcode = 4365


class InsufficientCapacity(OperationError):
    """No host has room; the message says which were looked at and what each lacks."""

    code = "insufficient-capacity"
    errorcode = 533
    cserrorcode = 4325


class ResourceUnavailable(OperationError):
    """What is needed for this is not there now; the same call may succeed later."""

    code = "resource-unavailable"
    errorcode = 534
    cserrorcode = 4380


class ResourceInUse(OperationError):
    """Something else uses or changes it."""

    code = "resource-in-use"
    errorcode = 536
    cserrorcode = 4375


class ShutdownTriggered(OperationError):
    """A shutdown has been triggered. Can not accept new jobs"""

    code = "shutdown-triggered"
    errorcode = 503
    cserrorcode = 9999


class LimitReached(OperationError):
    """The account has as much of this as it may have."""

    code = "limit-reached"
    errorcode = 535
    cserrorcode = 4370
