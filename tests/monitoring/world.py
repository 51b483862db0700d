"""Monitoring as its callers meet it: the test tells other services' events, probes are real."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from shared.events import catalog, filing
from shared.events.envelope import Envelope, Event, dataschema
from shared.messaging.handling import read_arrival
from shared.messaging.inbox import Ack
from shared.security.identity import Actor
from tests.suite import LABOUR, PROVINCE, Suite, eventually

HASTY = {
    "probe_interval": 1,
    "probe_interval_shortest": 1,
    "probe_timeout": 2,
    "shard_lease": 6,
    "probes_per_host": 2,
}


@dataclass
class Department:
    """A department's system: it answers with whatever `status` and `body` say at that moment."""

    status: int = 200
    body: bytes = b'{"status":"UP"}'
    asked: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    pause: float = 0.0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.asked.append(head.split(b" ")[1].decode())
                self.at_once += 1
                self.most_at_once = max(self.at_once, self.most_at_once)
                await asyncio.sleep(self.pause)
                self.at_once -= 1
                length = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.body)}\r\n\r\n"
                writer.write(length.encode() + self.body)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@dataclass
class World:
    suite: Suite
    told: Counter[str] = field(default_factory=Counter)

    async def tell(self, event: Event, subject: str, *, region: str = "36", times: int = 1) -> None:
        """Let an event of another service arrive through the inbox, `times` times."""
        self.told[subject] += 1
        envelope = Envelope[Any](
            id=uuid.uuid4(),
            source=f"/{event.source}",
            type=event.type,
            subject=subject,
            time=self.suite.clock.now(),
            dataschema=dataschema(event.type, "https://ganfutong.test"),
            sequence=self.told[subject],
            region=region,
            data=event.model_dump(mode="json"),
        )
        arrival = read_arrival(envelope.model_dump_json().encode(), 1, 1)
        for _ in range(times):
            [verdict] = await self.suite.apps["monitoring"].state.messaging.inbox.receive([arrival])
            assert verdict == Ack(), verdict

    async def publish(
        self,
        owner: Actor = LABOUR,
        *,
        url: str,
        listing_id: uuid.UUID | None = None,
        times: int = 1,
    ) -> str:
        """A listing of that owner goes live, or goes live again."""
        found = listing_id or uuid.uuid4()
        event = catalog.ListingPublished(
            listing_id=found,
            filing_id=uuid.uuid4(),
            item_code="demo-rst-001",
            organisation_id=owner.organisation,
            hall_id="hall-36",
            zone_id=None,
            kind="STANDARD",
            title="社会保险个人权益记录查询打印",
            version=self.told[f"listing:{found}"] + 1,
            digest="0" * 64,
            entry_url=url,
            listed_at=self.suite.clock.now(),
        )
        await self.tell(event, f"listing:{found}", region=owner.region, times=times)
        return str(found)

    async def delist(self, listing_id: str, *, times: int = 1) -> None:
        event = catalog.ListingDelisted(
            listing_id=uuid.UUID(listing_id),
            filing_id=uuid.uuid4(),
            emergency=False,
            notice_id=None,
            delisted_at=self.suite.clock.now(),
        )
        await self.tell(event, f"listing:{listing_id}", times=times)

    async def plan_window(
        self,
        *listings: str,
        starts: float,
        ends: float,
        owner: Actor = LABOUR,
        window_id: uuid.UUID | None = None,
        impact: str = "UNAVAILABLE",
        times: int = 1,
    ) -> filing.WindowPlanned:
        """An accepted filing opens or changes a window, in seconds from now."""
        found, now = window_id or uuid.uuid4(), self.suite.clock.now()
        event = filing.WindowPlanned(
            window_id=found,
            filing_id=uuid.uuid4(),
            filing_type="MAINTENANCE",
            kind="SYSTEM_UPGRADE",
            organisation_id=owner.organisation,
            listing_ids=[uuid.UUID(each) for each in listings],
            starts_at=now + timedelta(seconds=starts),
            ends_at=now + timedelta(seconds=ends),
            impact=impact,
            change=self.told[f"window:{found}"] + 1,
            filed_at=now - timedelta(days=5),
            short_notice=False,
        )
        await self.tell(event, f"window:{found}", region=owner.region, times=times)
        return event

    async def end_window(self, window: filing.WindowPlanned, *, ago: float, times: int = 1) -> None:
        """An accepted filing ends a window early, `ago` seconds before now."""
        event = filing.WindowEnded(
            window_id=window.window_id,
            filing_id=uuid.uuid4(),
            organisation_id=window.organisation_id,
            ended_at=self.suite.clock.now() - timedelta(seconds=ago),
        )
        await self.tell(event, f"window:{window.window_id}", times=times)

    async def cancel_window(self, window: filing.WindowPlanned, *, times: int = 1) -> None:
        event = filing.WindowCancelled(
            window_id=window.window_id,
            filing_id=uuid.uuid4(),
            organisation_id=window.organisation_id,
        )
        await self.tell(event, f"window:{window.window_id}", times=times)

    async def publish_notice(
        self, *listings: str, kind: str = "FAULT", times: int = 1, ago: float = 0
    ) -> str:
        """A notice comes out on the platform."""
        notice = uuid.uuid4()
        event = catalog.NoticePublished(
            notice_id=notice,
            kind=kind,
            listing_ids=[uuid.UUID(each) for each in listings],
            filing_id=None,
            published_at=self.suite.clock.now() - timedelta(seconds=ago),
            expires_at=None,
        )
        await self.tell(event, f"notice:{notice}", times=times)
        return str(notice)

    async def withdraw_notice(self, notice: str, *, times: int = 1) -> None:
        event = catalog.NoticeWithdrawn(notice_id=uuid.UUID(notice))
        await self.tell(event, f"notice:{notice}", times=times)

    async def seen(self, probe_id: str, *states: tuple[float, str]) -> None:
        """As a prober would leave it that looks until now: from `ago` seconds on, the state."""
        now = self.suite.clock.now()
        await self.suite.sql("monitoring", "update shard_leases set watched_until = $1", now)
        for ago, state in states:
            await self.suite.sql(
                "monitoring",
                "insert into state_changes (probe_id, at, state) values ($1, $2, $3)",
                uuid.UUID(probe_id),
                now - timedelta(seconds=ago),
                state,
            )

    async def facts(self, subject: str) -> list[str]:
        """What monitoring told of an aggregate, in its order, by the names of the facts."""
        rows = await self.suite.sql(
            "monitoring", "select type from outbox where subject = $1 order by id", subject
        )
        return [each["type"].split(".")[1] for each in rows]

    async def get(self, path: str, by: Actor = PROVINCE, **params: Any) -> httpx.Response:
        return await self.suite.clients["monitoring"].get(
            path, params=params, headers=self.suite.headers(by)
        )

    async def items(self, path: str, by: Actor = PROVINCE, **params: Any) -> list[dict[str, Any]]:
        answer = await self.get(path, by, **params)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def probe_of(self, listing_id: str) -> dict[str, Any]:
        """The probe of a listing's entry."""
        found = await self.items("/v1/probes", listing=listing_id)
        return next(each for each in found if each["purpose"] == "ENTRY")

    async def until(
        self, listing_id: str, holds: Callable[[dict[str, Any]], bool], *, within: float = 30
    ) -> dict[str, Any]:
        """The entry probe, as soon as it is so."""

        async def found() -> Any:
            probe = await self.probe_of(listing_id)
            return probe if holds(probe) else None

        probe: dict[str, Any] = await eventually(found, within=within)
        return probe

    async def post(
        self, path: str, body: Any, by: Actor = LABOUR, *, match: str = "*"
    ) -> httpx.Response:
        return await self.suite.clients["monitoring"].post(
            path, json=body, headers=self.suite.headers(by, **{"If-Match": match})
        )

    async def put(
        self, path: str, body: Any, by: Actor = LABOUR, *, match: str = "*"
    ) -> httpx.Response:
        return await self.suite.clients["monitoring"].put(
            path, json=body, headers=self.suite.headers(by, **{"If-Match": match})
        )

    async def set_policies(self, values: dict[str, int]) -> None:
        """Later versions of policies, as the province would set them."""
        await self.suite.sql(
            "monitoring",
            "insert into policies select key, 2, to_jsonb(value), case when key like '%interval%'"
            " or key like '%timeout' or key like '%lease' then 'seconds' else 'count' end,"
            " 'test', 'A17.3', '2025-08-04', 'test', now()"
            " from unnest($1::text[], $2::int[]) as given (key, value)",
            list(values),
            list(values.values()),
        )


def asked(**changes: Any) -> dict[str, Any]:
    """What an owner says of a probe."""
    return {
        "name": "查询环节",
        "url": "https://rst.example.invalid/api/status",
        "method": "GET",
        "conditions": ["[STATUS] == 200"],
        "interval_seconds": 60,
        "timeout_seconds": 10,
        "redirects": 0,
        "paused": False,
        **changes,
    }


async def served(department: Department) -> asyncio.Server:
    """Let a department's system listen on a free port of loopback."""
    server = await asyncio.start_server(department.serve, "127.0.0.1", 0)
    department.port = server.sockets[0].getsockname()[1]
    return server
