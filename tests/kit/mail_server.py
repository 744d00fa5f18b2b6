"""A mail server on loopback that keeps what it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session

from tests.kit.running_cloud import neighbouring_free_ports


class MailServer(Controller):
    """Keeps what it takes; with `users`, it wants a login."""

    def __init__(self, users: dict[str, str] | None = None) -> None:
        self.taken: list[Message] = []
        self.refuses = False
        self._users = users
        super().__init__(
            self,
            hostname="127.0.0.1",
            port=neighbouring_free_ports(1),
            authenticator=self._authenticate,
            auth_required=users is not None,
            auth_require_tls=False,
        )

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:
        if self.refuses:
            return "451 come again later"
        assert isinstance(envelope.content, bytes)
        self.taken.append(message_from_bytes(envelope.content))
        return "250 taken"

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        known = (self._users or {}).get(given.login.decode())
        return AuthResult(success=known is not None and known == given.password.decode(), handled=False)


@asynccontextmanager
async def a_mail_server(users: dict[str, str] | None = None) -> AsyncIterator[MailServer]:
    server = MailServer(users)
    server.start()
    try:
        yield server
    finally:
        server.stop()
