"""A call is believed when it is signed with the secret of the key it carries, in any form that clients use."""

from __future__ import annotations

import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay_cli.client import signature as sign
from mainstay_controller.api.signature import expiry_of, is_signed_with
from tests.kit.api import an_api

HARD = {"command": "listZones", "apiKey": "K-_1", "name": "a b~c*[d]+é/&=%", "zoneId": "Z", "Zb": "1"}


def signed_as(parameters: dict[str, str], safe: str, key: object = None) -> str:
    pairs = sorted(parameters.items(), key=key)  # type: ignore[call-overload]
    text = "&".join(f"{name}={quote(value, safe=safe)}" for name, value in pairs).lower()
    return b64encode(hmac.digest(b"secret", text.encode(), "sha1")).decode()


@pytest.mark.parametrize("safe", ["*", "", "[]"], ids=["cs and cloudstack-go", "csclient", "libcloud"])
@pytest.mark.parametrize("order", [None, lambda pair: pair[0].lower()], ids=["as sent", "ignoring case"])
def test_every_encoding_and_order_seen_in_the_wild_is_accepted(safe: str, order: object) -> None:
    assert is_signed_with(HARD, "secret", signed_as(HARD, safe, order))


def test_another_secret_or_another_value_is_not_accepted() -> None:
    signature = sign(HARD, "secret")

    assert is_signed_with(HARD, "secret", signature)
    assert not is_signed_with(HARD, "other", signature)
    assert not is_signed_with(HARD | {"zoneId": "Y"}, "secret", signature)


def test_a_name_that_swallows_another_pair_is_not_accepted() -> None:
    """Names are signed unencoded: folding `expires=..` into a name would leave the signed text as it was."""
    sent = {"apikey": "k", "expires": "2026-01-01T00:00:00+0000", "signatureversion": "3"}
    folded = {"apikey": "k", "expires=2026-01-01t00%3a00%3a00%2b0000&signatureversion": "3"}

    assert not is_signed_with(folded, "secret", sign(sent, "secret"))


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=6), st.text(max_size=40))
def test_nothing_a_client_may_send_breaks_the_check(parameters: dict[str, str], signature: str) -> None:
    assert not is_signed_with(parameters, "secret", signature)


def test_both_spellings_of_expires_are_read() -> None:
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)

    assert expiry_of({"signatureVersion": "3", "expires": "2026-01-02T12:00:00+0000"}) == noon
    assert expiry_of({"signatureversion": "3", "expires": "2026-01-02T12:00:00Z"}) == noon
    assert expiry_of({"expires": "2026-01-02T12:00:00Z"}) is None


async def test_a_signed_call_is_answered_by_get_and_by_post() -> None:
    async with an_api() as api:
        by_get = await api.call("listZones")
        by_post = await api.post("listZones")

    assert (by_get.status, by_get.json) == (200, {"listzonesresponse": {}})
    assert (by_post.status, by_post.json) == (200, {"listzonesresponse": {}})


async def test_an_expired_signature_is_refused() -> None:
    past = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S+0000")

    async with an_api() as api:
        answer = await api.call("listZones", signatureVersion="3", expires=past)

    assert answer.status == 401


async def test_a_wrong_key_and_a_wrong_signature_get_the_same_answer() -> None:
    async with an_api() as api:
        unknown_key = await api.raw({"command": "listZones", "response": "json", "apikey": "x", "signature": "y"})
        wrong_signature = await api.raw(
            {"command": "listZones", "response": "json", "apikey": api.keys.api_key, "signature": "y"}
        )

    assert unknown_key.status == wrong_signature.status == 401
    assert unknown_key.json == wrong_signature.json
    assert unknown_key.body["errortext"] == "unable to verify user credentials and/or request signature"
