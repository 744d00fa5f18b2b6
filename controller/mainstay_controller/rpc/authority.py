"""The cloud's own certificate authority: an ECDSA P-256 key, and what is signed with it.

The promise: it signs only the role and id that its caller names, never what a request asks for.  Its limits: one level, no
revocation lists - who was removed is known by the enrolment book and turned away when a session opens.
All controllers of a cloud share the key (operations.shared_authority); the first one makes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mainstay_controller.rpc.refusals import WrongCa
from mainstay_runtime import identity
from mainstay_runtime.clock import Clock, Rng
from mainstay_runtime.identity import CONTROLLER_NAME, Identity, PeerIdentity, Role

CA_VALIDITY = timedelta(days=3650)
SKEW = timedelta(hours=1)  # clocks of hosts differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    ca: Identity
    clock: Clock
    rng: Rng
    validity: timedelta = timedelta(days=90)

    def issue(self, role: Role, id: str, key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        issuer = identity.load_certificate(self.ca.certificate_pem)
        now = self.clock.now()
        names: list[x509.GeneralName] = [identity.name_of(role, id)]
        if role is Role.CONTROLLER:
            names.append(x509.DNSName(CONTROLLER_NAME))
        request = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{role} {id}"[:64])]))
            .issuer_name(issuer.subject)
            .public_key(key)
            .serial_number(int.from_bytes(self.rng.token(16)) | 1)
            .not_valid_before(now - SKEW)
            .not_valid_after(self._end_of(role, issuer))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, *_served_by(role)]), critical=False)
        )
        return request.sign(identity.key_from_pem(self.ca.key_pem), hashes.SHA256())

    def _end_of(self, role: Role, issuer: x509.Certificate) -> datetime:
        """A controller's key lives in one process and is made anew at every start; the others' are renewed."""
        if role is Role.CONTROLLER:
            return issuer.not_valid_after_utc
        return min(self.clock.now() + self.validity, issuer.not_valid_after_utc)

    def identity_for(self, role: Role, id: str) -> Identity:
        """Key and certificate at once, for a process of our own."""
        key = identity.new_key()
        certificate = self.issue(role, id, key.public_key())
        return Identity(
            key_pem=identity.key_to_pem(key),
            certificate_pem=certificate.public_bytes(Encoding.PEM),
            ca_pem=self.ca.ca_pem,
        )

    def recognise(self, certificate: x509.Certificate) -> PeerIdentity:
        """Whose it is, expired or not.  Raises WrongCa."""
        try:
            certificate.verify_directly_issued_by(identity.load_certificate(self.ca.certificate_pem))
        except (ValueError, TypeError, InvalidSignature) as error:
            raise WrongCa from error
        return identity.named_by(certificate)


def _served_by(role: Role) -> list[x509.ObjectIdentifier]:
    return [ExtendedKeyUsageOID.SERVER_AUTH] if role is Role.CONTROLLER else []


def new_ca(clock: Clock) -> Identity:
    key = identity.new_key()
    own_name = f"Mainstay {identity.key_sha256(key.public_key())[:16]}"  # so that TLS can tell two authorities apart
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, own_name)])
    now = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + CA_VALIDITY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    return Identity(key_pem=identity.key_to_pem(key), certificate_pem=pem, ca_pem=pem)
