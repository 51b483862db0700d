"""A gateway of nothing but `forward`, before a small service of a few paths."""

import asyncio
import time

import orjson
import uvicorn
from starlette.types import Receive, Scope, Send

from gateway.breaker import Breaker, BreakerPolicy
from gateway.proxy import Upstream, forward
from gateway.upstream import Pool
from shared.http.edge import EdgePolicy, edge, edge_config
from tests.shared.http.live import Answer, Recorder

HOST = b"Host: ganfutong.test\r\n"


class Service(Recorder):
    """A service with a few paths: echo, slow, large, early, own errors."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path == "/slow":
            await self._slow(scope, receive)
        elif path == "/large":
            self.seen.append(("GET", path, {}, 0))
            start = {"type": "http.response.start", "status": 200, "headers": []}
            await send(start)
            for _ in range(64):
                await send({"type": "http.response.body", "body": b"a" * 65536, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        elif path == "/early":
            start = {"type": "http.response.start", "status": 403, "headers": [(b"x-a", b"b")]}
            await send(start)
            await send({"type": "http.response.body", "body": b"no"})
        elif path in ("/503", "/204", "/304"):
            status = int(path[1:])
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        elif path == "/echo":
            await self._echo(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _slow(self, scope: Scope, receive: Receive) -> None:
        self.seen.append((scope["method"], "/slow", {}, 0))
        while (await receive())["type"] != "http.disconnect":
            pass
        self.cancelled += 1

    async def _echo(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        fields = [[name.decode(), value.decode()] for name, value in scope["headers"]]
        target = scope["raw_path"].decode() + "?" + scope["query_string"].decode()
        told = {"method": scope["method"], "target": target, "fields": fields, "size": len(body)}
        data = orjson.dumps(told)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": data})


class Door:
    """A gateway of nothing but `forward`."""

    def __init__(self, upstream: Upstream, **options: object) -> None:
        self.upstream = upstream
        self.options = options
        self.statuses: list[int] = []
        self.repeated: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        status = await forward(
            scope,
            receive,
            send,
            upstream=self.upstream,
            on_retry=self.repeated.append,
            **self.options,  # type: ignore[arg-type] # each test names its own
        )
        self.statuses.append(status)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.upstream.pool.close()
        await asyncio.sleep(0)  # let the transports go
        await send({"type": "lifespan.shutdown.complete"})


def upstream_at(address: str) -> Upstream:
    return Upstream("filing", Pool(address), Breaker(time.monotonic, BreakerPolicy(minimum=4)))


def around(door: Door, body_bytes: int = 2**20) -> uvicorn.Config:
    policy = EdgePolicy(body_bytes=body_bytes)
    return edge_config(edge(door, policy=policy), policy)


def echoed(answer: Answer) -> tuple[dict[str, object], dict[str, list[str]]]:
    told = orjson.loads(answer.body)
    fields: dict[str, list[str]] = {}
    for name, value in told["fields"]:
        fields.setdefault(name, []).append(value)
    return told, fields
