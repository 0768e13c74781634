"""What happens, for those who keep watch: structured, and quiet unless it is asked for.

Standard ``logging`` under ``fdaclip.*``: a record's message is the name of an event, its facts are
in ``record.facts``. ``listen`` writes them to stderr as text, or to a file as JSON lines.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

LEVELS = ("debug", "info", "warning", "error")

logging.getLogger("fdaclip").addHandler(logging.NullHandler())  # else warnings reach stderr


class Log:
    """A room's log.

    Args:
        name: of the module that writes.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **facts: Any) -> None:
        self._write(logging.DEBUG, event, facts)

    def info(self, event: str, **facts: Any) -> None:
        self._write(logging.INFO, event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        self._write(logging.WARNING, event, facts)

    def _write(self, level: int, event: str, facts: dict[str, Any]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, extra={"facts": facts}, stacklevel=3)


class AsJson(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC), level, logger, process, event, its facts."""

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        said = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "event": record.getMessage(),
        }
        if record.exc_info:
            said["error"] = str(record.exc_info[1])
        return json.dumps(said | _facts(record), default=_plain)


class AsText(logging.Formatter):
    """``12:00:00 info library.ingest committed videos=3 moments=12``, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(
            f"{name}={json.dumps(value, default=_plain)}" for name, value in _facts(record).items()
        )
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        room = record.name.removeprefix("fdaclip.")
        line = f"{clock} {record.levelname.lower()} {room} {record.getMessage()} {facts}"
        return line.rstrip()


def listen(level: str = "info", file: Path | None = None) -> logging.Handler:
    """Write what happens, from now on.

    Args:
        level: one of ``LEVELS``, the least that is written.
        file: JSON lines are appended to it; None is text on stderr.

    Raises:
        OSError: the file cannot be written.
        ValueError: there is no such level.
    """
    if level not in LEVELS:
        raise ValueError(f"no level {level!r}; there are {', '.join(LEVELS)}")
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(AsText())
    else:
        handler = logging.FileHandler(file, encoding="utf-8", errors="backslashreplace")
        handler.setFormatter(AsJson())
    handler.setLevel(level.upper())
    logger = logging.getLogger("fdaclip")
    logger.addHandler(handler)
    logger.setLevel(min((one.level for one in logger.handlers if one.level), default=0))
    return handler


def unlisten(handler: logging.Handler) -> None:
    """Undo a `listen`."""
    logger = logging.getLogger("fdaclip")
    logger.removeHandler(handler)
    handler.close()
    logger.setLevel(min((one.level for one in logger.handlers if one.level), default=0))


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    facts = getattr(record, "facts", {})
    return facts if isinstance(facts, dict) else {}


def _plain(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)
