"""Letters leave the cloud here: SMTP as the alert.smtp.* and alert.email.* settings say.

Port 465 speaks TLS from its first byte; other ports speak plainly, or STARTTLS if alert.smtp.useStartTLS is set.  A letter that was not taken
by the mail server raises `NotDelivered` with what the server said."""

from __future__ import annotations

import asyncio
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from aiosmtplib import SMTP, SMTPException

from mainstay_controller.domain.alerts import Letter
from mainstay_controller.operations.errors import ResourceUnavailable
from mainstay_controller.operations.settings import Settings

TLS_PORT = 465


class NotDelivered(ResourceUnavailable):
    """The mail server did not take the letter."""


def has_an_address(settings: Settings) -> bool:
    """Does anybody want letters, and is there a way?"""
    return bool(settings.smtp_host and recipients(settings))


def recipients(settings: Settings) -> list[str]:
    return [address.strip() for address in settings.alert_addresses.split(",") if address.strip()]


async def send(letter: Letter, now: datetime, settings: Settings) -> None:
    """Raises NotDelivered."""
    try:
        async with asyncio.timeout(settings.smtp_timeout_ms / 1000):
            await _hand_over(_message(letter, now, settings), settings)
    except (SMTPException, OSError, ValueError, TimeoutError) as error:
        where = f"{settings.smtp_host}:{settings.smtp_port}"
        raise NotDelivered(
            f"The mail server {where} did not take the letter: {error or type(error).__name__}"
        ) from error


async def _hand_over(message: EmailMessage, settings: Settings) -> None:
    server = SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        timeout=settings.smtp_connection_timeout_ms / 1000,
        use_tls=settings.smtp_port == TLS_PORT,
        start_tls=settings.smtp_start_tls,
    )
    async with server:
        if settings.smtp_auth:
            await server.login(settings.smtp_username, settings.smtp_password)
        await server.send_message(message)


def _message(letter: Letter, now: datetime, settings: Settings) -> EmailMessage:
    message = EmailMessage()
    message["From"] = settings.alert_sender or recipients(settings)[0]
    message["To"] = ", ".join(recipients(settings))
    message["Date"] = format_datetime(now)
    message["Subject"] = letter.subject
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    return message
