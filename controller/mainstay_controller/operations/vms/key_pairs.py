"""SSH key pairs of accounts.  A private key that is made here is shown once and not kept."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import TypedDict

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mainstay_controller.domain.ids import KeyPairId
from mainstay_controller.domain.records import Account, KeyPair
from mainstay_controller.operations.checks import a_name
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.store.port import Conflict, eq

KEY_BYTES = 32
KINDS = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeKeyPair:
    key_pair: KeyPair
    private_key: str


async def make_key_pair(name: str, owner: Account, cloud: Cloud) -> MadeKeyPair:
    key = Ed25519PrivateKey.from_private_bytes(cloud.rng.token(KEY_BYTES))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return MadeKeyPair(key_pair=await register_key_pair(name, public, owner, cloud), private_key=private)


async def register_key_pair(name: str, public_key: str, owner: Account, cloud: Cloud) -> KeyPair:
    public = public_key.strip()
    pair = KeyPair(
        id=KeyPairId(cloud.rng.uuid()),
        name=a_name("name", name),
        account_id=owner.id,
        domain_id=owner.domain_id,
        created=await cloud.store.now(),
        public_key=public,
        fingerprint=fingerprint(public),
    )
    try:
        return await cloud.store.key_pairs.add(pair)
    except Conflict:
        raise InvalidParameter("name", f"a key pair {pair.name} exists in account {owner.name}") from None


async def key_pair_named(name: str, owner: Account, cloud: Cloud, field: str = "name") -> KeyPair:
    found = await cloud.store.key_pairs.find(eq("account_id", owner.id), eq("name", name), limit=1)
    if not found:
        raise InvalidParameter(field, f"there is no key pair {name} in account {owner.name}")
    return found[0]


async def key_pairs_named(names: Iterable[str], owner: Account, cloud: Cloud, field: str) -> tuple[KeyPair, ...]:
    """Each once, in their order; empty names name none."""
    return tuple([await key_pair_named(name, owner, cloud, field) for name in dict.fromkeys(names) if name])


class GivenKeys(TypedDict):
    """As a VM keeps them: the names as CloudStack tells them, and a line for each key."""

    key_pair: str
    public_key: str | None


def given(pairs: Sequence[KeyPair]) -> GivenKeys:
    names = ",".join(pair.name for pair in pairs)
    return {"key_pair": names, "public_key": "\n".join(pair.public_key for pair in pairs) or None}


def fingerprint(public_key: str) -> str:
    """As ssh-keygen -E md5 tells it, and CloudStack with it.  Raises InvalidParameter for what is no public key."""
    kind, _, rest = public_key.partition(" ")
    encoded = rest.split(" ")[0]
    try:
        blob = b64decode(encoded, validate=True)
    except ValueError:
        blob = b""
    if kind not in KINDS or not blob or b64encode(blob).decode() != encoded:
        raise InvalidParameter("publickey", f"it is no public key of a known kind ({', '.join(KINDS)})")
    digest = md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
