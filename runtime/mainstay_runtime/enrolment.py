"""How a process gets its identity, keeps it fresh, and gets it back when it has expired.

The promise: nothing deadlocks.  An answer lost on the way can be asked for again with the same token, for the key is on the disk before the
token is used; a certificate is renewed over the session from the last third of its validity on; one that TLS refuses is renewed at
the enrolment port by proving the old key.  A refusal is EnrolmentRefused with the controller's own code and words; one that says when to come
back is Unavailable."""

from __future__ import annotations

from mainstay_proto import codec
from mainstay_proto.enrolment import EnrolReply, EnrolRequest, RenewRequest
from mainstay_proto.messages import Refused, RenewCertificate
from mainstay_runtime import identity
from mainstay_runtime.channel import ask
from mainstay_runtime.clock import Clock
from mainstay_runtime.errors import BadInput, Denied, Unavailable
from mainstay_runtime.identity import Identity, IdentityFile, Invitation

ENROL = "/mainstay.agent.v1.Enrolment/Enrol"
RENEW = "/mainstay.agent.v1.Enrolment/Renew"


class EnrolmentRefused(Denied):
    """The controller refused to issue a certificate."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.detail)
        self.code = refused.code


class EnrolmentDelayed(Unavailable):
    """The controller is busy; try again after `retry_after_seconds`."""

    def __init__(self, refused: Refused, retry_after_seconds: float) -> None:
        super().__init__(refused.detail)
        self.code = refused.code
        self.retry_after_seconds = retry_after_seconds


def enrolment_address(session_address: str) -> str:
    """Enrolment listens one port above the sessions: 8251 beside 8250."""
    host, _, port = session_address.rpartition(":")
    return f"{host}:{int(port) + 1}"


async def enrol(file: IdentityFile, invitation: Invitation, address: str) -> Identity:
    """A first identity.  `address` is a controller's session address.  Raises EnrolmentRefused or Unavailable; may be repeated."""
    key_pem = file.key_for_enrolment()
    request = EnrolRequest(token=invitation.token, csr_pem=identity.signing_request(identity.key_from_pem(key_pem)))
    reply = await ask(
        enrolment_address(address), ENROL, request, codec.enrol_request, codec.enrol_reply, invitation.ca_pem
    )
    return _keep(file, key_pem, reply)


class Credentials:
    """The identity of this process: in memory, in its file, and renewed when due."""

    def __init__(self, file: IdentityFile, current: Identity, clock: Clock) -> None:
        self._file = file
        self._current = current
        self._clock = clock
        self._next_key_pem = b""

    @property
    def current(self) -> Identity:
        return self._current

    def renewal(self) -> RenewCertificate | None:
        """The request to be sent over the session when it is time; to be asked again while unanswered."""
        if not self._current.renewal_is_due(self._clock.now()):
            return None
        return RenewCertificate(csr_pem=self._next_request())

    def accept(self, reply: EnrolReply) -> None:
        """The answer to `renewal`; used from the next connect on.  Raises EnrolmentRefused, or BadInput when it does not fit our key."""
        self._current = _keep(self._file, self._next_key_pem, reply)
        self._next_key_pem = b""

    async def recover(self, address: str) -> None:
        """From a certificate that TLS refuses to a new one.  Raises EnrolmentRefused when that is not to be: the reason, in words."""
        csr_pem = self._next_request()
        request = RenewRequest(
            certificate_pem=self._current.certificate_pem,
            csr_pem=csr_pem,
            signature=identity.sign_renewal(self._current.key_pem, csr_pem),
        )
        self.accept(
            await ask(
                enrolment_address(address), RENEW, request, codec.renew_request, codec.enrol_reply, self._current.ca_pem
            )
        )

    def _next_request(self) -> bytes:
        if not self._next_key_pem:
            self._next_key_pem = identity.key_to_pem(identity.new_key())
        return identity.signing_request(identity.key_from_pem(self._next_key_pem))


def _keep(file: IdentityFile, key_pem: bytes, reply: EnrolReply) -> Identity:
    if isinstance(reply, Refused):
        wait_seconds = reply.retry_after_seconds
        raise EnrolmentRefused(reply) if wait_seconds is None else EnrolmentDelayed(reply, wait_seconds)
    if not key_pem or not identity.is_for_key(identity.load_certificate(reply.certificate_pem), key_pem):
        raise BadInput("the certificate is not for the key we asked for")
    fresh = Identity(key_pem=key_pem, certificate_pem=reply.certificate_pem, ca_pem=reply.ca_pem)
    file.save(fresh)
    return fresh
