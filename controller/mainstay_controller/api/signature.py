"""Was this request signed with that secret?  Pure: parameters and secret in, a truth out.

CloudStack signs the lower-cased `name=value` pairs, sorted by name, with HMAC-SHA1.  Clients in the wild differ in which characters of a
value they leave as they are and in whether they sort before or after lower-casing; every form seen is accepted, each compared in constant time.
Names travel unencoded in the signed text, so a name that could be mistaken for a pair is never verified."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

PLAIN_NAME = re.compile(r"[A-Za-z0-9_.\-\[\]]+")


def _as_java(value: str) -> str:
    """URLEncoder with %20, which is what the documentation means."""
    return quote(value, safe="*").replace("~", "%7E")


def _as_cs_and_go(value: str) -> str:
    return quote(value, safe="*")


def _as_csclient(value: str) -> str:
    return quote(value, safe="")


def _as_libcloud(value: str) -> str:
    return quote(value, safe="[]")


ENCODINGS: tuple[Callable[[str], str], ...] = (_as_java, _as_cs_and_go, _as_csclient, _as_libcloud)


def is_signed_with(parameters: Mapping[str, str], secret: str, signature: str) -> bool:
    signed = {name: value for name, value in parameters.items() if name.lower() != "signature"}
    if not all(PLAIN_NAME.fullmatch(name) for name in signed):
        return False
    given = signature.encode()
    return any(hmac.compare_digest(given, _hmac_of(text, secret).encode()) for text in _texts_of(signed))


def expiry_of(parameters: Mapping[str, str]) -> datetime | None:
    """When a version 3 signature expires; None: it never does.  Raises ValueError for one that does not say."""
    named = {name.lower(): value for name, value in parameters.items()}
    if named.get("signatureversion") != "3":
        return None
    expires = datetime.fromisoformat(named.get("expires", ""))
    return expires if expires.tzinfo else expires.replace(tzinfo=UTC)


def _texts_of(parameters: Mapping[str, str]) -> Iterator[str]:
    """One after another: nearly always the first is the one."""
    orders = (sorted(parameters), sorted(parameters, key=str.lower))
    return (_text_of(parameters, encode, order) for encode in ENCODINGS for order in orders)


def _text_of(parameters: Mapping[str, str], encode: Callable[[str], str], order: Iterable[str]) -> str:
    return "&".join(f"{name}={encode(parameters[name])}" for name in order).lower()


def _hmac_of(text: str, secret: str) -> str:
    return b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()
