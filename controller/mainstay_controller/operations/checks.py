"""Is a value fit to be kept?  One small check per kind of value; each raises InvalidParameter with the field's name and the reason."""

from __future__ import annotations

import re
from base64 import b64decode
from ipaddress import IPv4Address, IPv4Network, ip_address
from urllib.parse import ParseResult, urlparse

from mainstay_controller.operations.errors import InvalidParameter

NAME_LENGTH_MAX = 255
HOST_LABEL = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def a_name(field: str, text: str) -> str:
    """For people to read, on pages and in mails: no markup, no control characters."""
    name = text.strip()
    if not name:
        raise InvalidParameter(field, "it is empty")
    if len(name) > NAME_LENGTH_MAX:
        raise InvalidParameter(field, f"it has {len(name)} characters, at most {NAME_LENGTH_MAX} are allowed")
    if any(character in "<>" or not character.isprintable() for character in name):
        raise InvalidParameter(field, "it contains <, > or a character that cannot be printed")
    return name


def a_host_label(field: str, text: str) -> str:
    """RFC 1123: a guest's name is its host name."""
    if not HOST_LABEL.fullmatch(text):
        raise InvalidParameter(
            field, f"{text!r} is no host name: 1 to 63 letters, digits and hyphens, beginning with a letter"
        )
    return text


def an_address(field: str, text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise InvalidParameter(field, f"{text!r} is no IP address") from None


def a_network(gateway: str, netmask: str) -> IPv4Network:
    try:
        return IPv4Network(f"{IPv4Address(gateway)}/{netmask}", strict=False)
    except ValueError:
        raise InvalidParameter("netmask", f"{gateway}/{netmask} is no IPv4 network") from None


def an_address_in(field: str, text: str, network: IPv4Network) -> IPv4Address:
    address = ip_address(an_address(field, text))
    if address not in network:
        raise InvalidParameter(field, f"{address} is not in {network}")
    assert isinstance(address, IPv4Address)
    return address


def a_number(field: str, value: int, *, least: int, most: int, unit: str = "") -> int:
    if not least <= value <= most:
        raise InvalidParameter(field, f"{value} is not between {least} and {most}{' ' + unit if unit else ''}")
    return value


def a_url(field: str, text: str, *schemes: str) -> ParseResult:
    try:
        url = urlparse(text)
    except ValueError as error:
        raise InvalidParameter(field, f"{text!r} is no URL: {error}") from None
    if url.scheme not in schemes:
        raise InvalidParameter(field, f"{text!r} does not begin with {' or '.join(each + '://' for each in schemes)}")
    return url


def an_absolute_path(field: str, path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/") or not path.isprintable():
        raise InvalidParameter(field, f"{path!r} is no absolute path")
    return "/" + path.strip("/")


def in_base64(field: str, text: str) -> str:
    """Without the line breaks that some encoders put in.  A space was a plus that its client did not encode, and is refused."""
    encoded = text.replace("\r", "").replace("\n", "")
    try:
        b64decode(encoded, validate=True)
    except ValueError:
        raise InvalidParameter(field, "it is not in Base64") from None
    return encoded


def one_of(field: str, text: str, allowed: tuple[str, ...]) -> str:
    """In the spelling of `allowed`, whatever the case of `text`."""
    for word in allowed:
        if word.lower() == text.lower():
            return word
    raise InvalidParameter(field, f"{text!r} is not one of {', '.join(allowed)}")


def tags(field: str, words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(a_name(field, word) for word in words if word.strip()))
