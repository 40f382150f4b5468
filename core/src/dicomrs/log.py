"""Logging: one structured line per unit of work, readable on a terminal and JSON otherwise.

Log a study by its key (spool.layout.study_key), never by its folder: that carries the patient's name.
"""

import json
import logging
import re
import sys
from typing import Any

import structlog
from structlog.processors import JSONRenderer
from structlog.typing import EventDict, Processor

_encode = json.JSONEncoder(default=str).encode
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0))}
_STUDY_FOLDER = re.compile(r"\d{8}T\d{6}_[^/'\"\s]+")


def _hide_patients(_logger: Any, _name: str, fields: EventDict) -> EventDict:
    """The name of a study folder carries the patient's; paths get into lines by way of tracebacks."""
    for key, value in fields.items():
        if isinstance(value, str) and "_" in value:
            fields[key] = _STUDY_FOLDER.sub("<study folder>", value)
    return fields


def _escape_controls(_logger: Any, _name: str, fields: EventDict) -> EventDict:
    """What a peer sent must not move a terminal's cursor or end a line."""
    for key, value in fields.items():
        if isinstance(value, str) and not value.isprintable() and key != "exception":
            fields[key] = value.translate(_CONTROL)
    return fields


def configure(service: str, level: str = "INFO") -> None:
    """Have structlog and the standard library's loggers (pynetdicom's too) write the same lines to standard error."""

    def name_service(_logger: Any, _name: str, fields: EventDict) -> EventDict:
        return {"service": service, **fields}

    shared: list[Processor] = [
        name_service,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=False),
        structlog.processors.format_exc_info,
        _hide_patients,
        _escape_controls,
    ]
    renderer: Processor = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else JSONRenderer(_to_json)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # At INFO pynetdicom tells every PDU; what matters of it stands in our own line per association.
    logging.getLogger("pynetdicom").setLevel(max(logging.getLevelName(level), logging.WARNING))
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _to_json(fields: EventDict, **_: Any) -> str:
    return _encode(fields)


def get_logger() -> structlog.stdlib.BoundLogger:
    """A logger for a module."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger()
    return logger
