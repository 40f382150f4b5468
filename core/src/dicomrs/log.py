"""Logging: one structured line per unit of work, readable on a terminal and JSON otherwise.

Log a study by its key (spool.layout.study_key), never by its folder: that carries the patient's name.
"""

import json
import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from dicomrs.log_writer import LogWriter

_encode = json.JSONEncoder(default=str).encode
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0))}
_STUDY_FOLDER = re.compile(r"\d{8}T\d{6}_[^/'\"\s]+")


def _hide_patients(_logger: Any, _name: str, fields: EventDict) -> EventDict:
    """The name of a study folder carries the patient's; paths get into lines by way of tracebacks."""
    for key, value in fields.items():
        if isinstance(value, str) and "_" in value:
            fields[key] = hide_patients(value)
    return fields


def hide_patients(text: str) -> str:
    """A text without the names of study folders in it."""
    return _STUDY_FOLDER.sub("<study folder>", text)


def _escape_controls(_logger: Any, _name: str, fields: EventDict) -> EventDict:
    """What a peer sent must not move a terminal's cursor or end a line."""
    for key, value in fields.items():
        if isinstance(value, str) and not value.isprintable() and key != "exception":
            fields[key] = value.translate(_CONTROL)
    return fields


def configure(service: str, folder: str | None = None, level: str = "INFO") -> None:
    """Have structlog and the standard library's loggers (pynetdicom's too) write the same lines to standard error.

    folder: the same lines also go to a file there, in JSON (log_files).
    """

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
    renderer: Processor = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else _to_line
    if folder is not None:
        renderer = _copied(renderer, LogWriter(folder, service).put)
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


def _to_line(_logger: Any, _name: str, fields: EventDict) -> str:
    return _encode(fields)


def _copied(renderer: Processor, put: Callable[[str], None]) -> Processor:
    """What renders a line, and puts it as JSON somewhere else, too."""

    def render(logger: Any, name: str, fields: EventDict) -> Any:
        line = _encode(fields)
        put(line)
        return line if renderer is _to_line else renderer(logger, name, fields)

    return render


def get_logger() -> structlog.stdlib.BoundLogger:
    """A logger for a module."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger()
    return logger
