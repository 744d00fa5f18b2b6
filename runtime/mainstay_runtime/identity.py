"""Who is at the other end: keys, signing requests, and the name that a certificate of the cloud's authority carries.

The promise: a certificate names one role and one id as the URI `mainstay:<role>:<id>`, and nothing else about a peer is believed.
Every key is ECDSA P-256.  Controllers also carry the DNS name CONTROLLER_NAME, which clients require instead of a host name:
addresses of controllers may change or be a virtual address, their role does not."""

from __future__ import annotations

import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mainstay_runtime.clock import Rng
from mainstay_runtime.errors import BadInput, Denied

CONTROLLER_NAME = "controller.mainstay.internal"
SIGNATURE = ec.ECDSA(hashes.SHA256())
RENEWAL = b"mainstay certificate renewal\n"
PEM_BLOCK = re.compile(rb"-----BEGIN .*?-----END [A-Z ]+-----\n", re.DOTALL)


class Role(StrEnum):
    AGENT = "agent"  # speaks for one or more hosts
    CONTROLLER = "controller"
    SYSTEM_VM = "systemvm"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerIdentity:
    """What a verified certificate says of its holder."""

    role: Role
    id: str
    serial: str  # hexadecimal
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a process holds to prove who it is, and to know the others by."""

    key_pem: bytes
    certificate_pem: bytes
    ca_pem: bytes

    def named(self) -> PeerIdentity:
        return named_by(load_certificate(self.certificate_pem))

    def renewal_is_due(self, now: datetime) -> bool:
        """From the last third of its validity on: long before it expires."""
        certificate = load_certificate(self.certificate_pem)
        validity = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        return now >= certificate.not_valid_after_utc - validity / 3

    def has_expired(self, now: datetime) -> bool:
        return now >= self.named().not_after

    def to_pem(self) -> bytes:
        """All of it, the key too: to be kept secret."""
        return self.key_pem + self.certificate_pem + self.ca_pem

    @staticmethod
    def from_pem(pem: bytes) -> Identity:
        match PEM_BLOCK.findall(pem):
            case [key_pem, certificate_pem, ca_pem]:
                return Identity(key_pem=key_pem, certificate_pem=certificate_pem, ca_pem=ca_pem)
        raise BadInput("not a key, a certificate and an authority")


# --- certificates ---------------------------------------------------------------------------------------------------


def load_certificate(untrusted_pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(untrusted_pem)
    except ValueError as error:
        raise BadInput("not a certificate in PEM form") from error


def name_of(role: Role, id: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(f"mainstay:{role}:{id}")


def named_by(certificate: x509.Certificate) -> PeerIdentity:
    """The one name in it.  Says nothing of who signed it: TLS or the authority has checked that."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        scheme, role, id = uri.split(":", 2)
        if scheme != "mainstay":
            raise ValueError(uri)
        return PeerIdentity(
            role=Role(role),
            id=id,
            serial=format(certificate.serial_number, "x"),
            not_after=certificate.not_valid_after_utc,
        )
    except (ValueError, x509.ExtensionNotFound) as error:
        raise Denied("the certificate does not name a role and an id") from error


def key_sha256(key: ec.EllipticCurvePublicKey) -> str:
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


# --- keys and signing requests --------------------------------------------------------------------------------------


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_from_pem(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadInput("not an elliptic curve key")
    return key


def signing_request(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A CSR in PEM.  It proves the holding of the key and asks for no name: the authority knows whom it deals with."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def requested_key(untrusted_csr_pem: bytes) -> ec.EllipticCurvePublicKey:
    """The key of a CSR that was signed with it."""
    try:
        request = x509.load_pem_x509_csr(untrusted_csr_pem)
        key = request.public_key()
        if not request.is_signature_valid or not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("signature or kind of key")
    except ValueError as error:
        raise BadInput("not a valid signing request of an elliptic curve key") from error
    if not isinstance(key.curve, ec.SECP256R1):
        raise BadInput("the key is not on the curve P-256")
    return key


def is_for_key(certificate: x509.Certificate, key_pem: bytes) -> bool:
    return certificate.public_key() == key_from_pem(key_pem).public_key()


def sign_renewal(old_key_pem: bytes, csr_pem: bytes) -> bytes:
    return key_from_pem(old_key_pem).sign(RENEWAL + csr_pem, SIGNATURE)


def renewal_is_signed(certificate: x509.Certificate, csr_pem: bytes, untrusted_signature: bytes) -> bool:
    """By the key of the old certificate.  A replay is harmless: it yields a certificate for a key the thief does not have."""
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(untrusted_signature, RENEWAL + csr_pem, SIGNATURE)
    except InvalidSignature:
        return False
    return True


# --- invitations ----------------------------------------------------------------------------------------------------


def new_token(rng: Rng) -> str:
    return rng.token(24).hex()


def token_sha256(token: str) -> str:
    """What is stored instead of the token."""
    return sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What an operator carries to a new host as one line of text: a token, and the authority to be trusted."""

    token: str
    ca_pem: bytes

    def to_text(self) -> str:
        der = load_certificate(self.ca_pem).public_bytes(Encoding.DER)
        return f"mainstay1.{self.token}.{urlsafe_b64encode(der).decode().rstrip('=')}"

    @staticmethod
    def from_text(untrusted: str) -> Invitation:
        try:
            version, token, der = untrusted.strip().split(".")
            if version != "mainstay1":
                raise ValueError(version)
            ca = x509.load_der_x509_certificate(urlsafe_b64decode(der + "=" * (-len(der) % 4)))
        except ValueError as error:
            raise BadInput("not an invitation: copy the whole line that the controller gave") from error
        return Invitation(token=token, ca_pem=ca.public_bytes(Encoding.PEM))


# --- on disk --------------------------------------------------------------------------------------------------------


class IdentityFile:
    """Key, certificate and authority in one PEM file, so that a crash leaves the old identity or the new and no mixture."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Identity | None:
        if not self._path.exists():
            return None
        try:
            return Identity.from_pem(self._path.read_bytes())
        except BadInput as error:
            raise BadInput(f"{self._path} does not hold a key, a certificate and an authority") from error

    def key_for_enrolment(self) -> bytes:
        """Made once and kept until an identity is saved, so that an enrolment which was cut short is repeated with the same key."""
        waiting = self._path.with_suffix(".enrolling")
        if not waiting.exists():
            write_secret(waiting, key_to_pem(new_key()))
        return waiting.read_bytes()

    def save(self, identity: Identity) -> None:
        write_secret(self._path, identity.to_pem())
        self._path.with_suffix(".enrolling").unlink(missing_ok=True)


def write_secret(path: Path, content: bytes) -> None:
    """Readable by its owner alone; a crash leaves the old content or the new."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
