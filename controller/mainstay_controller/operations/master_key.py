"""Seal what the database keeps and only controllers may read: AES-256-GCM under the cloud's master key.

The promise: what was sealed under one name with one key opens under that name with that key, and otherwise not at all.
The limits: the key itself is the operator's to carry from controller to controller; who loses it loses the cloud's authority."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mainstay_runtime.clock import Rng
from mainstay_runtime.errors import BadInput
from mainstay_runtime.identity import write_secret

CHARACTERS_MIN = 32
NONCE_BYTES = 12


class WrongMasterKey(BadInput):
    """The database was sealed with another master key: give this controller the key of the others (master_key_file)."""

    code = "wrong-master-key"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """`previous` opens what was sealed before a change of the key; nothing is sealed with it."""

    key: bytes
    previous: bytes | None = None

    @staticmethod
    def from_text(text: str) -> MasterKey:
        """Any long secret, such as 64 hexadecimal digits of `openssl rand -hex 32`."""
        if len(text.strip()) < CHARACTERS_MIN:
            raise BadInput(f"a master key has at least {CHARACTERS_MIN} characters")
        derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"mainstay master key")
        return MasterKey(derivation.derive(text.strip().encode()))

    @staticmethod
    def in_file(path: Path) -> MasterKey:
        try:
            return MasterKey.from_text(path.read_text())
        except OSError as error:
            raise BadInput(f"the master key cannot be read: {error}") from error

    @staticmethod
    def kept_in(path: Path, rng: Rng) -> MasterKey:
        """Made at the first start: for a controller that is alone, or the first."""
        if not path.exists():
            write_secret(path, rng.token(32).hex().encode())
        return MasterKey.in_file(path)

    def seal(self, name: str, content: bytes, rng: Rng) -> str:
        nonce = rng.token(NONCE_BYTES)
        return b64encode(nonce + AESGCM(self.key).encrypt(nonce, content, name.encode())).decode()

    def unseal(self, name: str, sealed: str) -> bytes:
        content = _opened(self.key, name, sealed)
        if content is None and self.previous is not None:
            content = _opened(self.previous, name, sealed)
        if content is None:
            raise WrongMasterKey
        return content

    def is_newest(self, name: str, sealed: str) -> bool:
        """Sealed with the key that seals now."""
        return _opened(self.key, name, sealed) is not None


def _opened(key: bytes, name: str, sealed: str) -> bytes | None:
    raw = b64decode(sealed)
    try:
        return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], name.encode())
    except InvalidTag:
        return None
