"""Refusals of the gate itself, in CloudStack's words, beside those the operations raise.

Every refusal is an `OperationError` with a code and a text that names the field and the reason; nothing else reaches a client but
an incident number (see dispatch)."""

from __future__ import annotations

from mainstay_controller.operations.errors import OperationError, PermissionDenied

SEEN_BY_ROOT_ONLY = frozenset({530, 533, 534})
TEXT_FOR_OTHERS = "Internal error executing command, please contact your system administrator"
VALUE_SHOWN_MAX = 80


class NotVerified(OperationError):
    """unable to verify user credentials and/or request signature"""

    code = "not-verified"
    errorcode = 401
    cserrorcode = 9999


class Malformed(OperationError):
    """The request cannot be read."""

    code = "malformed"
    errorcode = 430
    cserrorcode = 9999


class BadParameter(OperationError):
    """A parameter is missing, or its value cannot be used."""

    code = "bad-parameter"
    errorcode = 431
    cserrorcode = 4350


class CommandUnavailable(OperationError):
    """The caller's role has no such command."""

    code = "command-unavailable"
    errorcode = 401
    cserrorcode = 9999


class UnknownCommand(OperationError):
    """There is no such command."""

    code = "unknown-command"
    errorcode = 432
    cserrorcode = 9999


class LimitExceeded(OperationError):
    """The account made more calls than it may in this interval."""

    code = "limit-exceeded"
    errorcode = 429
    cserrorcode = 4545

    def __init__(self, retry_after_ms: int) -> None:
        self.retry_after_seconds = max(1, -(-retry_after_ms // 1000))
        super().__init__(
            f"The given user has reached his/her account api limit, please retry after [{retry_after_ms}] ms."
        )


def missing_parameter(command: str, name: str) -> BadParameter:
    return BadParameter(f"Unable to execute API command {command} due to missing parameter {name}", field=name)


def invalid_parameter(command: str, name: str, value: str, reason: str) -> BadParameter:
    shown = value if len(value) <= VALUE_SHOWN_MAX else value[:VALUE_SHOWN_MAX] + "..."
    return BadParameter(
        f"Unable to execute API command {command} due to invalid value {shown} for parameter {name}: {reason}",
        field=name,
    )


def unknown_entity(command: str, name: str, value: str) -> BadParameter:
    return BadParameter(
        f"Unable to execute API command {command} due to invalid value. Invalid parameter {name} value={value} due to incorrect"
        " long value format, or entity does not exist or due to incorrect parameter annotation for the field in api cmd class.",
        field=name,
    )


def not_permitted(account: str) -> PermissionDenied:
    return PermissionDenied(f"Account {account} does not have permission to operate with the resource")


UNSERVED = (
    (("LoadBalancer", "LBStickiness", "LBHealthCheck", "GlobalLoad"), "load balancers"),
    (("Vpc", "VPC", "NetworkACL", "PrivateGateway", "StaticRoute"), "VPCs"),
    (("Vpn",), "VPNs"),
)
"""Families of CloudStack's commands that this cloud does not have, by what their names contain."""


def unknown_command(name: str) -> UnknownCommand:
    for marks, things in UNSERVED:
        if any(mark in name for mark in marks):
            return UnknownCommand(f"The given command '{name}' is not supported: this cloud has no {things}")
    return UnknownCommand(f"The given command '{name}' either does not exist, is not available for user.")


def command_unavailable(name: str) -> CommandUnavailable:
    return CommandUnavailable(f"The given command '{name}' either does not exist, is not available for user.")
