"""`python -m bench.peers.upstream CONFIG`: what upstream.conf is, where there is no nginx."""

import asyncio
import json
import sys
from pathlib import Path

import uvloop

from deploy.local.place import HOST

_PUBLIC = "public, max-age=0, s-maxage=30, must-revalidate\r\nVary: Accept-Language"
_CONTROL = {b"/v1/listings": _PUBLIC, b"/v1/filings": "private, no-cache"}
_MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Upstream(asyncio.Protocol):
    """Answers a GET without body by its path; it reads nothing else of it."""

    answers: dict[bytes, bytes]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        *requests, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        for request in requests:
            path = request.split(b" ", 2)[1].partition(b"?")[0]
            self._transport.write(self.answers.get(path, _MISSING))


async def main(port: int, page: bytes) -> None:
    Upstream.answers = {
        path: (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Language: zh-CN\r\n"
            f"Content-Length: {len(page)}\r\nCache-Control: {control}\r\n\r\n"
        ).encode()
        + page
        for path, control in _CONTROL.items()
    }
    server = await asyncio.get_running_loop().create_server(Upstream, HOST, port)
    await server.serve_forever()


if __name__ == "__main__":
    told = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    uvloop.run(main(told["port"], Path(told["page"]).read_bytes()))
