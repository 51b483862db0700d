"""From the outbox to another service's rows: relay drain, commit to commit, inbox."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import nats
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from bench import parts
from bench.cases import Case
from bench.generators import pgbench
from bench.harness import SERVER, Row, Sample, Variant, check, on_cores, quantile, watched
from bench.peers.nats_writer import BATCH, Writer
from bench.stage import Stage
from deploy.local.nats import OPERATOR, Credentials
from deploy.local.process import wait_until
from shared.events.envelope import STREAM
from shared.messaging.broker import Broker
from shared.messaging.publishing import Outgoing, outgoing

AGGREGATES = 1000
PATIENCE = 10.0  # seconds without any progress
DRAINED = 10_240  # events in an outbox; a multiple of the batch
PUBLISHED_SINGLY = 2000
RATE, SECONDS = 200, 2  # of the writer in the end-to-end case
RECEIVED, RECEIVED_SINGLY = 20_480, 1000
ROUNDS = 5  # of what is compared with one fsync for each message: it moves by a half
TWO_INSERTS = Path(__file__).parents[1] / "peers" / "two_inserts.sql"
_FILL_OUTBOX = """
    insert into filing.outbox
        (event_id, created_on, type, subject, sequence, region, occurred_at, data)
    select gen_random_uuid(), current_date, $1, 'filing:' || gen_random_uuid(), 1, $2, now(), $3
    from generate_series(1, $4::int)
"""
_LATENCIES = """
    select extract(epoch from pg_xact_commit_timestamp(gate.xmin)
                            - pg_xact_commit_timestamp(told.xmin))::float8 as seconds
    from filing.aggregates as told
    join catalog.sequence_gate as gate using (subject)
    where gate.consumer = 'catalog' and subject like 'filing:%'
    order by 1
"""
_RECEIVED = """
    with commits as (
        select pg_xact_commit_timestamp(xmin) as at, count(*) from catalog.inbox group by 1
    )
    select (select count(*) from catalog.inbox) as inbox,
        (select count(*) from bench.effects) as effects,
        (select count(distinct event_id) from bench.effects) as distinct_effects,
        (select count(*) from catalog.dead_letters) as dead,
        (select extract(epoch from max(at) - min(at))::float8 from commits) as seconds,
        (select count from commits order by at limit 1) as first
"""
_EMPTY_ROWS = """
    truncate filing.outbox, filing.aggregates, filing.audit_log, filing.audit_pending,
        catalog.inbox, catalog.sequence_gate, catalog.dead_letters, bench.effects
"""


# --- relay ----------------------------------------------------------------------------------------


@contextmanager
def _draining(stage: Stage) -> Iterator[Mapping[str, Variant]]:
    """The filing service's own relay; the same events in batches, and one by one."""
    with stage.service("filing") as filing:
        yield {
            "relay": lambda: _drained(stage, filing),
            "batches": lambda: _written(stage),
            "singly": lambda: asyncio.run(_published_singly(stage)),
        }


def _drained(stage: Stage, filing: int) -> Sample:
    event = parts.reminder(uuid4())
    _empty(stage)
    with watched(filing=filing, postgres=stage.postgres) as used:
        stage.sql(_FILL_OUTBOX, event.type, parts.REGION, event.model_dump_json(), DRAINED)
        asyncio.run(_stored(stage, DRAINED))
    waiting = "select count(*) from filing.outbox where sent_at is null"
    marked = wait_until(lambda: stage.sql(waiting)[0]["count"] == 0, seconds=5, pause=0.1)
    check(marked, "events were published and not marked as sent")
    return asyncio.run(_by_stream(stage, used.sample(DRAINED), first=BATCH))


def _written(stage: Stage) -> Sample:
    messages = _messages(DRAINED)
    _empty(stage)
    user = _user(stage, "filing")
    with on_cores(SERVER), watched() as used:
        writer = Writer(user.url, user.inbox_prefix)
        writer.publish(messages)
        writer.close()
    return asyncio.run(_by_stream(stage, used.sample(DRAINED), first=BATCH))


async def _published_singly(stage: Stage) -> Sample:
    messages = _messages(PUBLISHED_SINGLY)
    await _purge(stage)
    with on_cores(SERVER), watched() as used:
        async with _connected(_user(stage, "filing")) as client:
            for message in messages:
                await _publish(client, message)
    return await _by_stream(stage, used.sample(PUBLISHED_SINGLY), first=1)


async def _by_stream(stage: Stage, sample: Sample, *, first: int) -> Sample:
    """The rate by the broker's own times: from the first batch stored to the last message."""
    async with _operator(stage) as client:
        js = client.jetstream()
        state = (await js.stream_info(STREAM)).state
        span = state.last_seq - state.first_seq + 1
        stored = (state.messages, span)
        check(stored == (sample.done, sample.done), f"{stored} stored of {sample.done}")
        begun, ended = [
            (await js.get_msg(STREAM, seq=seq)).time for seq in (state.first_seq, state.last_seq)
        ]
    assert begun is not None
    assert ended is not None
    seconds = (ended - begun).total_seconds() * sample.done / (sample.done - first)
    return replace(sample, seconds=seconds)


def _drain_ratios(medians: Mapping[str, Sample]) -> Iterator[Row]:
    relay, batches, singly = medians["relay"], medians["batches"], medians["singly"]
    used = relay.cost("filing") * 1e6
    detail = f"{relay.rate:,.0f} events/s, {used:.0f} µs CPU each; {batches.rate:,.0f} at most"
    yield Row("relay_drain", relay.rate / batches.rate, detail, relay.foreign, busy=1)
    detail = f"one by one {singly.rate:,.0f} events/s"
    yield Row("relay_drain_single", relay.rate / singly.rate, detail, singly.foreign, busy=1)


# --- commit to commit -----------------------------------------------------------------------------


@contextmanager
def _chaining(stage: Stage) -> Iterator[Mapping[str, Variant]]:
    """Writer, relay and consumer on one core, Postgres and NATS on the other."""
    _empty(stage)
    with _consumer(stage, "receive"):
        yield {
            "chain": lambda: _chain(stage),
            "floor": lambda: _chain_floor(stage),
        }


def _chain(stage: Stage) -> Sample:
    count = RATE * SECONDS
    stage.sql(_EMPTY_ROWS)
    with watched() as used:
        stage.run("bench.parts", {**_part(stage, "write"), "count": count, "rate": RATE})
        _await_inbox(stage, count + parts.WARM)
    seconds = [row["seconds"] for row in stage.sql(_LATENCIES)]
    check(len(seconds) == count, f"{len(seconds)} of {count} events arrived")
    return used.sample(count, p50=quantile(seconds, 0.5), p99=quantile(seconds, 0.99))


def _chain_floor(stage: Stage) -> Sample:
    """What no chain can be faster than: a commit, an acknowledged publish, a commit."""
    commits = pgbench(stage, TWO_INSERTS, clients=1, seconds=1, log=True)
    published = asyncio.run(_publish_latency(stage))
    assert commits.p50 is not None
    return replace(commits, p50=2 * commits.p50 + published)


async def _publish_latency(stage: Stage) -> float:
    seconds = []
    async with _connected(_user(stage, "gateway")) as client:  # nobody in this case follows it
        for message in _messages(200, service="gateway"):
            begun = perf_counter()
            await _publish(client, message)
            seconds.append(perf_counter() - begun)
    return quantile(sorted(seconds), 0.5)


def _chain_ratios(medians: Mapping[str, Sample]) -> Iterator[Row]:
    chain, floor = medians["chain"], medians["floor"]
    assert chain.p50 is not None
    assert chain.p99 is not None
    assert floor.p50 is not None
    detail = (
        f"p50 {chain.p50 * 1e3:.1f} ms, p99 {chain.p99 * 1e3:.1f} ms; at least"
        f" {floor.p50 * 1e3:.1f} ms"
    )
    yield Row("end_to_end", chain.p50 / floor.p50, detail, chain.foreign, busy=1)


# --- inbox ----------------------------------------------------------------------------------------


@contextmanager
def _receiving(stage: Stage) -> Iterator[Mapping[str, Variant]]:
    _empty(stage)
    yield {
        "inbox": lambda: _received(stage, "receive", RECEIVED),
        "singly": lambda: _received(stage, "receive_singly", RECEIVED_SINGLY),
    }


def _received(stage: Stage, part: str, count: int) -> Sample:
    """The rate by the commit times of the inbox rows: from the first transaction to the last.

    CPU is counted from the first row on: starting a process would be most of it.
    """
    messages = _messages(count)
    _empty(stage)
    user = _user(stage, "filing")
    writer = Writer(user.url, user.inbox_prefix)
    writer.publish(messages)
    writer.close()
    with _consumer(stage, part) as pid:
        begun = wait_until(lambda: _in_inbox(stage) > 0, seconds=30, pause=0.01)
        check(begun, "no event reached the inbox")
        with watched(consumer=pid, postgres=stage.postgres) as used:
            before = _in_inbox(stage)
            found = _await_inbox(stage, count)
    rate = (count - found["first"]) / found["seconds"]
    done = count - before
    return replace(used.sample(done), seconds=done / rate)


def _inbox_ratios(medians: Mapping[str, Sample]) -> Iterator[Row]:
    inbox, singly = medians["inbox"], medians["singly"]
    cpu = [
        f"{each.cost('consumer') * 1e6:.0f} + {each.cost('postgres') * 1e6:.0f} µs"
        for each in (inbox, singly)
    ]
    detail = f"{inbox.rate:,.0f} events/s, {cpu[0]} CPU each; {singly.rate:,.0f}, {cpu[1]}"
    yield Row("inbox", inbox.rate / singly.rate, detail, inbox.foreign, busy=1)


# --- what the cases share -------------------------------------------------------------------------


@contextmanager
def _consumer(stage: Stage, part: str) -> Iterator[int]:
    with stage.child("bench.parts", _part(stage, part)) as process:
        yield process.pid


def _part(stage: Stage, part: str) -> dict[str, Any]:
    service = "filing" if part == "write" else "catalog"
    user = _user(stage, service)
    return {
        "part": part,
        "dsn": stage.servers.database_urls[f"{service}_app"],
        "relay_dsn": stage.servers.database_urls[f"{service}_relay"],
        "nats_url": user.url,
        "inbox_prefix": user.inbox_prefix,
        "monitor_url": stage.servers.nats_monitor_url,
    }


def _await_inbox(stage: Stage, count: int) -> Any:
    """Wait until all have arrived; each must have had its effect, once."""
    wait_until(lambda: _in_inbox(stage) >= count, seconds=60, pause=0.1)
    found = stage.sql(_RECEIVED)[0]
    once = (found["inbox"], found["effects"], found["distinct_effects"], found["dead"])
    check(once == (count, count, count, 0), f"of {count} events, inbox and effects: {once}")
    return found


def _in_inbox(stage: Stage) -> int:
    count: int = stage.sql("select count(*) from catalog.inbox")[0]["count"]
    return count


def _messages(count: int, *, service: str = "filing") -> list[Outgoing]:
    """Events of a thousand filings, each in its order."""
    event = parts.reminder(uuid4())
    run = uuid4().hex[:8]
    filings = min(count, AGGREGATES)
    return [
        outgoing(
            {
                "event_id": uuid4(),
                "type": event.type.replace("filing.", f"{service}.", 1),
                "subject": f"filing:{run}-{number % filings}",
                "sequence": number // filings + 1,
                "region": parts.REGION,
                "occurred_at": parts.DUE,
                "traceparent": None,
                "data": event.model_dump_json(),
            },
            service,
            base="http://bench",
        )
        for number in range(count)
    ]


def _empty(stage: Stage) -> None:
    """No events, no rows of them, and no consumer that remembers any."""
    stage.sql(_EMPTY_ROWS)
    asyncio.run(_purge(stage))


async def _purge(stage: Stage) -> None:
    """An empty stream, as the platform makes it, without the consumer of `catalog`."""
    user = _user(stage, "catalog")
    broker = Broker(user.url, name="bench", inbox_prefix=user.inbox_prefix)
    await broker.start()
    await broker.ready()
    await broker.close()
    async with _operator(stage) as client:
        js = client.jetstream()
        await js.purge_stream(STREAM)
        with suppress(NotFoundError):
            await js.delete_consumer(STREAM, "catalog")


async def _stored(stage: Stage, count: int) -> None:
    """Wait until the stream holds as many; `Wrong` when it does not come to that."""
    async with _operator(stage) as client:
        js, found, since = client.jetstream(), -1, perf_counter()
        while found < count:
            state = (await js.stream_info(STREAM)).state
            if state.messages != found:
                found, since = state.messages, perf_counter()
            check(perf_counter() - since < PATIENCE, f"{found} of {count} events were published")
            await asyncio.sleep(0.05)


async def _publish(client: Client, message: Outgoing) -> None:
    await client.jetstream().publish(
        message.subject, message.body, headers={"Nats-Msg-Id": message.id}
    )


def _user(stage: Stage, name: str) -> Credentials:
    assert stage.servers.nats is not None
    return stage.servers.nats.users[name]


@asynccontextmanager
async def _connected(user: Credentials) -> AsyncIterator[Client]:
    client = await nats.connect(user.url, inbox_prefix=user.inbox_prefix.encode())
    try:
        yield client
    finally:
        await client.close()


def _operator(stage: Stage) -> AbstractAsyncContextManager[Client]:
    return _connected(_user(stage, OPERATOR))


CASES = (
    Case("relay", _draining, _drain_ratios, ROUNDS),
    Case("commit to commit", _chaining, _chain_ratios),
    Case("inbox", _receiving, _inbox_ratios, ROUNDS),
)
