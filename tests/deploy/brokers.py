"""A client of a broker that notes what it was refused, and the bare protocol."""

import asyncio
import json
from collections.abc import Iterator
from typing import Self
from urllib.parse import urlsplit

import nats as nats_client
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from deploy.local import nats
from shared.events.envelope import STREAM

EVENTS = StreamConfig(
    name=STREAM,
    subjects=["events.>"],
    retention=RetentionPolicy.LIMITS,
    storage=StorageType.FILE,
    discard=DiscardPolicy.NEW,
    duplicate_window=120,
    num_replicas=1,
    allow_atomic=True,
)


class Client:
    """A NATS connection that remembers what the server refused."""

    def __init__(self, credentials: nats.Credentials) -> None:
        self.credentials = credentials
        self.refused: list[str] = []

    async def __aenter__(self) -> Self:
        async def note(error: Exception) -> None:
            self.refused.append(str(error))

        self.connection = await nats_client.connect(
            self.credentials.url,
            inbox_prefix=self.credentials.inbox_prefix.encode(),
            error_cb=note,
            max_reconnect_attempts=2,
            reconnect_time_wait=0.1,
        )
        self.stream = self.connection.jetstream(timeout=1)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()


class Wire:
    """The bare protocol: a refusal stands before the PONG, so the answer for a subject is sure."""

    def __init__(self, credentials: nats.Credentials) -> None:
        self.credentials = credentials

    async def __aenter__(self) -> Self:
        address = urlsplit(self.credentials.url)
        self.reader, self.writer = await asyncio.open_connection(address.hostname, address.port)
        login: dict[str, object] = {"verbose": False, "pedantic": False}
        login |= {"user": self.credentials.user, "pass": self.credentials.password}
        assert await self._refused(f"CONNECT {json.dumps(login)}\r\n") == []
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    async def may_publish(self, subject: str) -> bool:
        refused = await self._refused(f"PUB {subject} 2\r\n{{}}\r\n")
        assert refused in ([], [f"-ERR 'Permissions Violation for Publish to \"{subject}\"'"])
        return not refused

    async def may_subscribe(self, subject: str) -> bool:
        refused = await self._refused(f"SUB {subject} 1\r\nUNSUB 1\r\n")
        assert refused in ([], [f"-ERR 'Permissions Violation for Subscription to \"{subject}\"'"])
        return not refused

    async def _refused(self, commands: str) -> list[str]:
        self.writer.write(f"{commands}PING\r\n".encode())
        lines: list[str] = []
        while not lines or lines[-1] != "PONG":
            lines.append((await self.reader.readline()).decode().strip())
            assert lines[-1], "the server closed the connection"
        return [line for line in lines if line.startswith("-ERR")]


def consumer_requests(consumer: str) -> Iterator[str]:
    api = f"$JS.API.CONSUMER.{{}}.{STREAM}.{consumer}"
    yield from (api.format(verb) for verb in ("CREATE", "INFO", "DELETE", "MSG.NEXT"))
    yield f"{api.format('CREATE')}.events.>"
    yield f"$JS.ACK.{STREAM}.{consumer}.1.1.1.1.0"


OPERATOR_ONLY = (
    f"$JS.API.STREAM.UPDATE.{STREAM}",
    f"$JS.API.STREAM.DELETE.{STREAM}",
    f"$JS.API.STREAM.PURGE.{STREAM}",
    f"$JS.API.STREAM.MSG.DELETE.{STREAM}",
    f"$JS.API.STREAM.RESTORE.{STREAM}",
    f"$JS.API.STREAM.SNAPSHOT.{STREAM}",
    "$JS.API.STREAM.CREATE.OTHER",
    f"$JS.API.CONSUMER.CREATE.{STREAM}",  # nameless: it honours any name in its body
    f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.other",
    f"$JS.API.CONSUMER.PAUSE.{STREAM}.other",
    f"$JS.API.CONSUMER.RESET.{STREAM}.other",
    "$JS.API.SERVER.REMOVE",
    "$SYS.REQ.SERVER.PING",
    "other.subject",
    "_INBOX_other.x",
)
