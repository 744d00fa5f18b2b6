"""Logs are sentences with facts as fields: `log.info("host is suspect", host=id, silent_seconds=61)`.

The promise: one line per event on standard error, as key=value for people or JSON for machines; what libraries log by `logging` comes out in the same form."""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from typing import Protocol, cast

import structlog


class LogFormat(StrEnum):
    KEY_VALUE = "key-value"
    JSON = "json"


class Logger(Protocol):
    def debug(self, sentence: str, **facts: object) -> None: ...

    def info(self, sentence: str, **facts: object) -> None: ...

    def warning(self, sentence: str, **facts: object) -> None: ...

    def error(self, sentence: str, **facts: object) -> None: ...

    def exception(self, sentence: str, **facts: object) -> None:
        """With the traceback of the exception being handled."""


def logger(room: str) -> Logger:
    return cast(Logger, structlog.stdlib.get_logger(room, room=room.removeprefix("mainstay_")))


def configure(log_format: LogFormat = LogFormat.KEY_VALUE, level: str = "INFO") -> None:
    """Once, at the start of a process."""
    common: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *common,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(log_format)],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)


def _renderer(log_format: LogFormat) -> structlog.types.Processor:
    if log_format is LogFormat.JSON:
        return structlog.processors.JSONRenderer(sort_keys=True)
    return structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"])
