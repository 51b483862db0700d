"""One line a call, written in batches: a write for each would cost more than the call (§1)."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from time import time
from typing import Final, NamedTuple

import orjson

MOST_LINES: Final = 512
FLUSH_SECONDS: Final = 0.005
_TRACEPARENT: Final = re.compile(rb"00-[0-9a-f]{32}-")


class AccessLine(NamedTuple):
    """What is noted of a call; never a body or a token, and of a target only its path."""

    method: str
    target: bytes
    status: int
    bytes_sent: int
    seconds: float
    request_id: bytes
    client_id: str
    traceparent: bytes
    cache: str
    reason: str = ""  # why a log-only rule would have refused it


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
            moment = datetime.fromtimestamp(self._now(), UTC)
            stamp = moment.isoformat(timespec="milliseconds").encode()
            self._write(b"".join([_as_json(stamp, line) for line in lines]))


def _as_json(stamp: bytes, line: AccessLine) -> bytes:
    method, target, status, sent, seconds, request_id, client, traceparent, cache, reason = line
    return _LINE % (
        stamp,
        method.encode(),
        _path(target),
        status,
        sent,
        seconds * 1000,
        request_id,
        _trace_id(traceparent) if traceparent else b"",
        _quoted(client),
        cache.encode(),
        reason.encode(),
    )


_LINE: Final = (
    b'{"event":"request","timestamp":"%b","service":"gateway","method":"%b","route":%b,'
    b'"status":%d,"bytes_sent":%d,"duration_ms":%.3f,"request_id":"%b","trace_id":"%b",'
    b'"client_id":%b,"cache":"%b","log_only":"%b"}\n'
)


@lru_cache(maxsize=1024)
def _quoted(text: str) -> bytes:
    """As JSON; paths and clients repeat."""
    return orjson.dumps(text)


@lru_cache(maxsize=1024)
def _path(target: bytes) -> bytes:
    """What stands before the query, as JSON."""
    return orjson.dumps(target.partition(b"?")[0].decode("latin-1"))


def _trace_id(traceparent: bytes) -> bytes:
    return traceparent[3:35] if _TRACEPARENT.match(traceparent) else b""
