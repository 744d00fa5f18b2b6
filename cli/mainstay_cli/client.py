"""Speaking to a controller: signed calls, typed rows, jobs waited for.

Every call ends within its deadline.  A refusal is `Refused` with the controller's own text; a controller that does not answer is `Unreachable`,
which says nothing about whether the call took effect."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout

from mainstay_cli.profile import Profile
from mainstay_runtime.clock import Clock
from mainstay_runtime.errors import Denied, MainstayError, Unavailable

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"
Row: TypeAlias = "Mapping[str, Json]"

CALL_SECONDS_MAX = 60.0
SIGNATURE_MINUTES = 10
JOB_POLL_SECONDS = 0.3
PENDING, SUCCEEDED = 0, 1
READING = ("list", "get", "query", "find", "explain")


class Refused(Denied):
    """The controller refused the call."""


class Unreachable(Unavailable):
    """The controller does not answer."""


class JobFailed(MainstayError):
    """The call was accepted, and its job failed."""

    code = "job-failed"

    def __init__(self, command: str, text: str) -> None:
        super().__init__(f"{command} failed: {text}")
        self.command = command
        self.text = text


@dataclass(frozen=True, slots=True)
class Client:
    """Calls under one profile.  Made by `connected`."""

    profile: Profile
    http: ClientSession
    clock: Clock

    async def call(self, command: str, parameters: Mapping[str, str] | None = None) -> Row:
        """What stands in the answer's envelope."""
        sent = self._signed(command, parameters or {})
        by_get = command.startswith(READING)
        try:
            async with self.http.request(
                "GET" if by_get else "POST",
                self.profile.url,
                params=sent if by_get else None,
                data=None if by_get else sent,
            ) as response:
                answer = await response.json(content_type=None)
        except (ClientError, TimeoutError, ValueError) as error:
            raise Unreachable(f"no answer from {self.profile.url}: {error or type(error).__name__}") from error
        return _body(answer)

    async def rows(self, command: str, parameters: Mapping[str, str] | None = None) -> list[Row]:
        """The rows of a list command, whatever their key."""
        return rows_in(await self.call(command, parameters))

    async def job_result(self, command: str, job_id: str, told: Callable[[Row], None]) -> Row:
        """Wait for a job to end, however long it takes; `told` hears of it on the way.  Raises JobFailed."""
        while True:
            job = await self.call("queryAsyncJobResult", {"jobid": job_id})
            told(job)
            result = job.get("jobresult")
            if job["jobstatus"] != PENDING:
                break
            await self.clock.sleep(JOB_POLL_SECONDS)
        shown: Row = result if isinstance(result, dict) else {}
        if job["jobstatus"] != SUCCEEDED:
            raise JobFailed(command, text(shown, "errortext"))
        return shown

    def _signed(self, command: str, parameters: Mapping[str, str]) -> dict[str, str]:
        expires = self.clock.now() + timedelta(minutes=SIGNATURE_MINUTES)
        sent = {
            **parameters,
            "command": command,
            "response": "json",
            "apikey": self.profile.api_key,
            "signatureversion": "3",
            "expires": expires.strftime("%Y-%m-%dT%H:%M:%S+0000"),
        }
        return sent | {"signature": signature(sent, self.profile.secret_key)}


@asynccontextmanager
async def connected(profile: Profile, clock: Clock) -> AsyncIterator[Client]:
    async with ClientSession(timeout=ClientTimeout(total=CALL_SECONDS_MAX)) as http:
        yield Client(profile, http, clock)


def signature(parameters: Mapping[str, str], secret: str) -> str:
    """As CloudStack's documentation defines it."""
    pairs = (f"{name}={_encoded(value)}" for name, value in sorted(parameters.items()))
    return b64encode(hmac.digest(secret.encode(), "&".join(pairs).lower().encode(), "sha1")).decode()


def text(row: Row, key: str) -> str:
    """A field as people read it; what is absent is empty."""
    value = row.get(key)
    return "" if value is None else str(value)


def rows_in(body: Row) -> list[Row]:
    for value in body.values():
        if isinstance(value, list):
            return [row for row in value if isinstance(row, dict)]
    return []


def nested(row: Row, key: str) -> list[Row]:
    """The rows under one key."""
    value = row.get(key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _encoded(value: str) -> str:
    return quote(value, safe="*").replace("~", "%7E")


def _body(answer: Json) -> Row:
    body = next(iter(answer.values()), None) if isinstance(answer, dict) else None
    if not isinstance(body, dict):
        raise Unreachable(f"what answered is no controller: {str(answer)[:100]}")
    if "errorcode" in body:
        raise Refused(text(body, "errortext"), errorcode=body["errorcode"])
    return body
