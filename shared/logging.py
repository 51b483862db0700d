"""JSON lines on stdout; only named fields leave, so that nothing personal can (reliability §7)."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from shared.http.context import request_id, trace_id

ALLOWED_FIELDS = frozenset(
    """
    event level timestamp service trace_id request_id method route status duration_ms operation
    client_id organisation role error error_type attempt count lag subject stream epoch consumer
    event_type event_id dead_letter_id version url signal component hint rows bytes_sent cache
    reason kind state name seconds first last
    """.split()  # noqa: SIM905 words read better than a list of quoted ones
)


def _only_allowed(
    _logger: object, _method: str, entry: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name in [name for name in entry if name not in ALLOWED_FIELDS]:
        del entry[name]
    return entry


def _traced(
    _logger: object, _method: str, entry: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if trace_id():
        entry.setdefault("trace_id", trace_id())
        entry.setdefault("request_id", request_id.get())
    return entry


def configure_logging(level: str = "INFO") -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _traced,
            _only_allowed,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )


def get_logger(service: str) -> Any:
    return structlog.get_logger().bind(service=service)
