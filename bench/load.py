"""`python -m bench.load CONFIG`: a closed-loop HTTP client on raw connections, in its own process.

It reads no more of an answer than status and Content-Length, so that it costs less than what it
measures. `{key}` in the request is a fresh key each time.
"""

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY = b"{key}"


class Connection(asyncio.Protocol):
    """Asks, reads the whole answer, asks again, until the tally is closed."""

    def __init__(self, request: Callable[[], bytes], tally: "Tally") -> None:
        self._request = request
        self._tally = tally
        self._buffer = b""
        self._sent = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = buffer
            return
        length = _LENGTH.search(buffer, 0, end + 2)
        if length is None:
            self._tally.failures["no content-length"] += 1
            self._transport.close()
            return
        if len(buffer) < end + 4 + int(length[1]):
            self._buffer = buffer
            return
        self._buffer = b""
        self._tally.count(buffer[9:12], perf_counter() - self._sent)
        if self._tally.open:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._tally.open:
            self._tally.failures["connection lost"] += 1
        if not self.done.done():
            self.done.set_result(None)

    def _ask(self) -> None:
        self._sent = perf_counter()
        self._transport.write(self._request())


class Tally:
    """What came back, and how long each answer took (seconds)."""

    def __init__(self) -> None:
        self.open = True
        self.statuses: Counter[bytes] = Counter()
        self.failures: Counter[str] = Counter()
        self.latencies: list[float] = []

    def count(self, status: bytes, seconds: float) -> None:
        self.statuses[status] += 1
        self.latencies.append(seconds)


async def load(config: dict[str, Any]) -> dict[str, Any]:
    """Ask with `connections` for `seconds`; counts, latencies and the time it took."""
    template: bytes = config["request"].encode("latin-1") + config.get("body", "").encode()
    tally = Tally()

    def with_key() -> bytes:
        return template.replace(_KEY, uuid4().hex.encode(), 1)

    request = with_key if _KEY in template else lambda: template
    loop = asyncio.get_running_loop()
    begun = perf_counter()
    made = [
        await loop.create_connection(
            lambda: Connection(request, tally), config["host"], config["port"]
        )
        for _ in range(config["connections"])
    ]
    await asyncio.sleep(config["seconds"])
    tally.open = False
    async with asyncio.timeout(10):
        await asyncio.gather(*(protocol.done for _, protocol in made))
    ordered = sorted(tally.latencies)
    return {
        "seconds": perf_counter() - begun,
        "done": len(ordered),
        "statuses": {status.decode(): count for status, count in tally.statuses.items()},
        "failures": dict(tally.failures),
        "p50": ordered[len(ordered) // 2] if ordered else None,
        "p99": ordered[len(ordered) * 99 // 100] if ordered else None,
    }


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    Path(given["output"]).write_text(json.dumps(uvloop.run(load(given))), "utf-8")
