"""One line a call, written in batches: a write for each would cost more than the call (§1)."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from time import time
from typing import Final, NamedTuple

import orjson

MOST_LINES: Final = 512
FLUSH_SECONDS: Final = 0.005
_TRACEPARENT: Final = 55  # characters


class AccessLine(NamedTuple):
    """What is noted of a call; never a query string, a body or a token."""

    method: str
    path: str
    status: int
    bytes_sent: int
    seconds: float
    request_id: str
    client_id: str
    traceparent: str
    cache: str


class AccessLog:
    """Collects lines for at most 5 ms or 512 of them; `write` takes whole JSON lines."""

    def __init__(
        self, write: Callable[[bytes], object], *, now: Callable[[], float] = time
    ) -> None:
        self._write = write
        self._now = now
        self._lines: list[AccessLine] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, line: AccessLine) -> None:
        self._lines.append(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        elif len(self._lines) >= MOST_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what is there; called once more at the stop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        if lines:
            stamp = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
            self._write(b"".join(_as_json(line, stamp) for line in lines))


def _as_json(line: AccessLine, stamp: str) -> bytes:
    return orjson.dumps(
        {
            "event": "request",
            "timestamp": stamp,
            "service": "gateway",
            "method": line.method,
            "route": line.path,
            "status": line.status,
            "bytes_sent": line.bytes_sent,
            "duration_ms": round(line.seconds * 1000, 3),
            "request_id": line.request_id,
            "trace_id": line.traceparent[3:35] if len(line.traceparent) == _TRACEPARENT else "",
            "client_id": line.client_id,
            "cache": line.cache,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )
