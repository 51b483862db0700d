"""The connection to NATS JetStream, which may be away, wiped or replaced at any time.

Nobody waits for it to serve a request: events lie in the outbox until it is back (reliability O5).
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import httpx
import nats.errors
import structlog
from nats.js.api import (
    DiscardPolicy,
    Header,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from shared.events.envelope import STREAM
from shared.messaging.connection import Connection
from shared.settings import Profile, Settings

SUBJECTS: Final = ("events.>",)
MAX_AGE: Final = 100 * 24 * 3600.0  # seconds; longer than the outbox keeps rows (90 days)
DUPLICATE_WINDOW: Final = 120.0  # seconds; it saves work, the inbox is the guard
BROKER_ERRORS: Final = (nats.errors.Error, TimeoutError, OSError)
_RETRY = 0.5  # seconds between two tries to connect or to read the broker's configuration


class BrokerNotDurable(RuntimeError):
    """The broker acknowledges what it has not yet written to disk (reliability N1)."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """Which stream it is (`epoch`, the time of its creation) and which sequences it holds."""

    epoch: str
    first: int
    last: int


class Broker:
    """One component's connection; `generation` grows with each connection and reconnection."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        inbox_prefix: str | None = None,
        monitor_url: str | None = None,
        must_sync: bool = False,
        replicas: int = 1,
        log: Any = None,
    ) -> None:
        """`url` may name several servers, with commas, and carries the user's credentials."""
        self.replicas = replicas
        self.generation = 0
        self._servers = url.split(",")
        self._name = name
        self._inbox_prefix = inbox_prefix or "_INBOX"
        self._monitor_url = monitor_url
        self._must_sync = must_sync
        self._log = log or structlog.get_logger()
        self._client = Connection()
        self._usable = False
        self._closing = False
        self._connecting: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, settings: Settings, *, name: str, log: Any = None) -> "Broker":
        return cls(
            settings.nats_url.get_secret_value(),
            name=name,
            inbox_prefix=settings.nats_inbox_prefix,
            monitor_url=settings.nats_monitor_url,
            must_sync=settings.profile is Profile.PRODUCTION,
            replicas=settings.nats_replicas,
            log=log,
        )

    @property
    def usable(self) -> bool:
        """Connected, with its durability read back and the stream ensured."""
        return self._usable and self._client.is_connected

    @property
    def client(self) -> Connection:
        return self._client

    @property
    def jetstream(self) -> JetStreamContext:
        context: JetStreamContext = self._client.jetstream(timeout=2)
        return context

    async def start(self, *, patience: float = 2.0) -> None:
        """Connect in the background; wait `patience` seconds so that a refusal stops the start.

        Raises `BrokerNotDurable` in the production profile unless `sync_interval` is `always`.
        """
        self._connecting = asyncio.create_task(self._connect())
        done, _ = await asyncio.wait({self._connecting}, timeout=patience)
        if done:
            self._connecting.result()
        else:
            self._log.warning("broker away, events wait in the outbox")

    async def ready(self) -> None:
        """Wait until the broker can be used; raises `BrokerNotDurable` when it never may be."""
        while not self.usable:
            if self._connecting is not None and self._connecting.done():
                self._connecting.result()
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Close whatever state the connection is in."""
        self._closing = True
        self._usable = False
        while self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()  # again: a try that fails in this moment swallows it
            await asyncio.wait({self._connecting}, timeout=_RETRY)
        await _close(self._client, self._log)

    async def stream(self) -> StreamState:
        """The state of the stream, which is made again when it is gone."""
        try:
            info = await self.jetstream.stream_info(STREAM)
        except NotFoundError:
            self._log.warning("stream missing, made again", stream=STREAM)
            info = await self.jetstream.add_stream(self._config())
        return _state(info)

    async def event_id_at(self, sequence: int) -> str | None:
        """The id of the event that the stream holds at a sequence; None when it holds none."""
        try:
            message = await self.jetstream.get_msg(STREAM, seq=sequence)
        except NotFoundError:
            return None
        return (message.headers or {}).get(Header.MSG_ID.value)

    async def first_event_id(self, source: str) -> str | None:
        """The id of the first event of a publisher that the stream still holds."""
        try:
            message = await self.jetstream.get_msg(
                STREAM, seq=1, subject=f"events.{source}.>", next=True
            )
        except NotFoundError:
            return None
        return (message.headers or {}).get(Header.MSG_ID.value)

    def _config(self) -> StreamConfig:
        return StreamConfig(
            name=STREAM,
            subjects=list(SUBJECTS),
            storage=StorageType.FILE,
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.NEW,
            duplicate_window=DUPLICATE_WINDOW,
            max_age=MAX_AGE,
            num_replicas=self.replicas,
            allow_atomic=True,
        )

    async def _connect(self) -> None:
        self._client = Connection()
        await self._client.connect(
            self._servers,
            name=self._name,
            inbox_prefix=self._inbox_prefix,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.25,  # type: ignore[arg-type]  # a float works, the stub says int
            connect_timeout=2,
            ping_interval=10,
            pending_size=-1,  # while away, publishing fails at once instead of being sent later
            error_cb=self._on_error,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
        )
        while True:
            try:
                if await self._check_sync():
                    await self._ensure_stream()
                    break
            except BROKER_ERRORS as error:
                self._log.warning("broker not ready", error_type=type(error).__name__)
            await asyncio.sleep(_RETRY)
            if self._client.is_closed:
                await self._connect()
                return
        self.generation += 1
        self._usable = True

    async def _ensure_stream(self) -> None:
        """Make the stream where there is none; to change one is an operator's act."""
        wanted = self._config()
        try:
            found = (await self.jetstream.stream_info(STREAM)).config
        except NotFoundError:
            await self.jetstream.add_stream(wanted)
            return
        settled = {name: value for name, value in vars(wanted).items() if value is not None}
        differs = [name for name, value in settled.items() if getattr(found, name) != value]
        if differs:
            self._log.warning("stream is configured otherwise", stream=STREAM, name=differs)

    async def _check_sync(self) -> bool:
        """Whether to go on: the broker writes before it acknowledges, or need not here."""
        if self._monitor_url is None:
            self._log.warning(
                "sync_interval of the broker not checked", hint="GFT_NATS_MONITOR_URL"
            )
            return True
        try:
            durable = await _syncs_always(self._monitor_url)
        except (httpx.HTTPError, ValueError) as error:
            self._log.warning("broker monitor not readable", error_type=type(error).__name__)
            return not self._must_sync
        if durable:
            return True
        if self._must_sync:
            self._log.error(
                "broker refused, events stay in the outbox", hint="sync_interval: always"
            )
            raise BrokerNotDurable("nats-server must run with jetstream.sync_interval: always")
        self._log.warning("broker may lose acknowledged events", hint="sync_interval: always")
        return True

    async def _on_error(self, error: Exception) -> None:
        if self._closing:
            return
        if "permissions violation" in str(error).lower():  # a refused publish only times out
            self._log.error("broker refuses a subject", error=str(error))
        else:
            self._log.debug("broker error", error_type=type(error).__name__)

    async def _on_reconnected(self) -> None:
        self.generation += 1
        self._log.info("broker back")

    async def _on_closed(self) -> None:
        """The client gives up for good after a protocol or login error; we never do."""
        if self._closing or (self._connecting is not None and not self._connecting.done()):
            return
        self._usable = False
        self._connecting = asyncio.create_task(self._connect_again())

    async def _connect_again(self) -> None:
        await asyncio.sleep(_RETRY)
        await self._connect()


async def _syncs_always(monitor_url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
        answer = await client.get(monitor_url.rstrip("/") + "/varz")
        answer.raise_for_status()
        return answer.json()["jetstream"]["config"].get("sync_always") is True


async def _close(client: Connection, log: Any) -> None:
    if client.is_closed:
        return
    try:
        await asyncio.wait_for(client.close(), timeout=2)
    except BaseException as error:  # noqa: BLE001 closing while reconnecting raises CancelledError (nats.py)
        log.debug("broker close", error_type=type(error).__name__)


def _state(info: StreamInfo) -> StreamState:
    assert info.created is not None  # noqa: S101 the server always tells it
    return StreamState(info.created.isoformat(), info.state.first_seq, info.state.last_seq)
