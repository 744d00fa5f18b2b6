"""Answers and refusals in CloudStack's envelopes, as JSON or XML.  Pure.

An empty list is `{}`; `count` counts all pages; absent values are left out; a refusal of an unknown command stands under `errorresponse`."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import StringIO
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

import orjson

from mainstay_controller.api.answers import Accepted, Cookie, Rows, Success, to_wire
from mainstay_controller.api.errors import LimitExceeded
from mainstay_controller.api.registry import Command
from mainstay_controller.api.untrusted import Format
from mainstay_controller.domain.records import Json
from mainstay_controller.operations.errors import OperationError

CLOUDSTACK_VERSION = "4.22.0.0"
"""The release whose API this is: what clients compare their features against."""

CONTENT_TYPES = {Format.JSON: "application/json", Format.XML: "text/xml"}
UNPRINTABLE = {code: None for code in range(32) if chr(code) not in "\t\n\r"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)
    cookies: tuple[Cookie, ...] = ()


def rendered(command: Command, answer: object, format: Format) -> Rendered:
    return _written(200, command.envelope, body_of(answer), format)


def rendered_refusal(envelope: str, error: OperationError, text: str, format: Format) -> Rendered:
    headers = {"X-Description": " ".join(text.split())}
    if isinstance(error, LimitExceeded):
        headers["Retry-After"] = str(error.retry_after_seconds)
    body: dict[str, Json] = {
        "uuidList": [],
        "errorcode": error.errorcode,
        "cserrorcode": error.cserrorcode,
        "errortext": text,
    }
    return _written(error.errorcode, envelope, body, format, headers)


def body_of(answer: object) -> dict[str, Json]:
    """What stands inside the envelope, and as the result of a job."""
    match answer:
        case Rows():
            return _list_body(answer)
        case Success(success=success, display_text=text):
            return {"success": success} | ({"displaytext": text} if text else {})
        case Accepted(job_id=job_id, id=id):
            return {"id": id, "jobid": job_id} if id else {"jobid": job_id}
    key = getattr(answer, "wire_key", None)
    wire = to_wire(answer)
    assert isinstance(wire, dict)
    return {key: wire} if key else wire


def _list_body(answer: Rows[object]) -> dict[str, Json]:
    if not answer.rows:
        return {} if answer.count == 0 else {"count": answer.count}
    key = getattr(answer.rows[0], "wire_key")  # noqa: B009  a list is only ever of keyed views
    return {"count": answer.count, key: [to_wire(row) for row in answer.rows]}


def _written(
    status: int, envelope: str, body: dict[str, Json], format: Format, headers: dict[str, str] | None = None
) -> Rendered:
    written = orjson.dumps({envelope: body}) if format is Format.JSON else _xml(envelope, body)
    return Rendered(status=status, body=written, content_type=CONTENT_TYPES[format], headers=headers or {})


def _xml(envelope: str, body: dict[str, Json]) -> bytes:
    out = StringIO()
    writer = XMLGenerator(out, encoding="UTF-8")
    writer.startDocument()
    writer.startElement(envelope, AttributesImpl({"cloud-stack-version": CLOUDSTACK_VERSION}))
    for key, value in body.items():
        _write_element(writer, key, value)
    writer.endElement(envelope)
    return out.getvalue().encode()


def _write_element(writer: XMLGenerator, name: str, value: Json) -> None:
    """A list is its element repeated; a key that is no XML name becomes an attribute of `entry`."""
    if isinstance(value, list):
        for each in value:
            _write_element(writer, name, each)
        return
    tag, attributes = (name, {}) if name.isidentifier() else ("entry", {"name": name.translate(UNPRINTABLE)})
    writer.startElement(tag, AttributesImpl(attributes))
    if isinstance(value, dict):
        for key, each in value.items():
            _write_element(writer, key, each)
    elif value is not None:
        writer.characters(_as_text(value))
    writer.endElement(tag)


def _as_text(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).translate(UNPRINTABLE)
