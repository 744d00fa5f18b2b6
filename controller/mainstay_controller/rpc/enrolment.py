"""Who gets a certificate: the bearer of a token, once; and whoever holds one already and is still known.

The promise: the name in a certificate comes from the book and never from the request; a refusal says which rule it was.
Anybody may knock here, so the work done for strangers is bounded by an admission of its own."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from mainstay_controller.fleet.enrolment import EnrolmentBook, Issued
from mainstay_controller.rpc import refusals
from mainstay_controller.rpc.admission import Admission
from mainstay_controller.rpc.authority import Authority
from mainstay_controller.rpc.refusals import WrongIdentity
from mainstay_proto.enrolment import EnrolReply, EnrolRequest, RenewRequest
from mainstay_proto.messages import Certificate, Refused
from mainstay_runtime import identity
from mainstay_runtime.errors import BadInput, Denied
from mainstay_runtime.identity import PeerIdentity, Role
from mainstay_runtime.logs import logger

log = logger(__name__)


class Enrolment:
    def __init__(self, authority: Authority, book: EnrolmentBook, admission: Admission) -> None:
        self._authority = authority
        self._book = book
        self._admission = admission

    async def enrol(self, untrusted: EnrolRequest) -> EnrolReply:
        """For a token."""
        try:
            with await self._admission.admit():
                key = identity.requested_key(untrusted.csr_pem)
                invited = await self._book.redeem(identity.token_sha256(untrusted.token), identity.key_sha256(key))
                return await self._issue(invited.role, invited.id, key)
        except (Denied, BadInput) as error:
            return _refuse(error)

    async def recover(self, untrusted: RenewRequest) -> EnrolReply:
        """For a certificate of ours that TLS refuses, expired or not, and the proof of its key."""
        try:
            with await self._admission.admit():
                certificate = identity.load_certificate(untrusted.certificate_pem)
                peer = self._authority.recognise(certificate)
                if not identity.renewal_is_signed(certificate, untrusted.csr_pem, untrusted.signature):
                    raise WrongIdentity("the request is not signed with the key of the certificate")
                return await self.renew(peer, untrusted.csr_pem)
        except (Denied, BadInput) as error:
            return _refuse(error)

    async def renew(self, peer: PeerIdentity, untrusted_csr_pem: bytes) -> Certificate:
        """For one who has proved to be that peer.  Raises Denied or BadInput."""
        key = identity.requested_key(untrusted_csr_pem)
        refusals.check(await self._book.standing(peer.role, peer.id))
        return await self._issue(peer.role, peer.id, key)

    async def _issue(self, role: Role, id: str, key: ec.EllipticCurvePublicKey) -> Certificate:
        certificate = self._authority.issue(role, id, key)
        issued = Issued(
            role=role,
            id=id,
            serial=format(certificate.serial_number, "x"),
            key_sha256=identity.key_sha256(key),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
        )
        await self._book.record(issued)
        log.info("certificate issued", role=role, id=id, serial=issued.serial, not_after=issued.not_after.isoformat())
        return Certificate(certificate_pem=certificate.public_bytes(Encoding.PEM), ca_pem=self._authority.ca.ca_pem)


def _refuse(error: Denied | BadInput) -> Refused:
    log.warning("certificate refused", code=error.code, why=str(error))
    return refusals.told(error)
