"""Filing as its callers meet it: the service alone, with catalog's events told by the test."""

import asyncio
import csv
import json
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from services.filing.commands import sweep_clocks
from shared.clock import SHANGHAI
from shared.database import DatabaseUnavailable, Transaction
from shared.events import catalog
from shared.events.envelope import Envelope, Event, dataschema
from shared.events.filing import ListingContent
from shared.messaging.handling import read_arrival
from shared.messaging.inbox import Verdict
from shared.security.canonical import digest
from shared.security.identity import Actor, system
from tests.shared.security.documents import PNG
from tests.suite import DONGHU, HEALTH_INSURANCE, JIUJIANG, LABOUR, NANCHANG, PROVINCE, Suite

CALENDAR = Path(__file__).parents[2] / "deploy" / "local" / "data" / "calendar"
NORM = "demo-1.0"
CHECKLIST = ("投诉和评价入口可用", "办理结果与线下一致", "大字版可用")
ORGANISATIONS = (
    ("jx-zwfw", "PROVINCIAL_AUTHORITY", "36", None),
    ("jx-rst", "PROVINCIAL_DEPARTMENT", "36", "jx-zwfw"),
    ("jx-ybj", "PROVINCIAL_DEPARTMENT", "36", "jx-zwfw"),
    ("city-360100", "CITY_AUTHORITY", "360100", "jx-zwfw"),
    ("city-360400", "CITY_AUTHORITY", "360400", "jx-zwfw"),
    ("county-360102", "COUNTY_AUTHORITY", "360102", "city-360100"),
    ("operator", "OPERATOR", "36", "jx-zwfw"),
)
HALLS = {"hall-36": "36", "hall-360100": "360100", "hall-360400": "360400", "hall-360102": "360102"}
HOME = {
    "jx-rst": "hall-36",
    "jx-ybj": "hall-36",
    "city-360100": "hall-360100",
    "city-360400": "hall-360400",
    "county-360102": "hall-360102",
}
PLANNERS = (LABOUR, HEALTH_INSURANCE, NANCHANG, JIUJIANG, DONGHU)
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=SHANGHAI)
EVIDENCE = [{"name": "截图.png", "sha256": sha256(PNG).hexdigest()}]
REPORT = {**EVIDENCE[0], "size": len(PNG)}


def item_of(actor: Actor) -> str:
    """The planned item of each caller: a department's own, health insurance's for the others."""
    return "demo-rst-001" if actor.organisation in ("jx-rst", "city-360400") else "demo-ybj-001"


def calendar_event(
    year: int, *, status: str = "OFFICIAL", version: int = 1
) -> catalog.CalendarImported:
    with (CALENDAR / f"{year}.csv").open(encoding="utf-8", newline="") as file:
        days = [
            (date.fromisoformat(row["date"]), row["kind"], row["name"])
            for row in csv.DictReader(file)
        ]
    return catalog.CalendarImported(
        year=year, status=status, source_document="国办发明电", version=version, days=days
    )


@dataclass
class World:
    suite: Suite
    client: httpx.AsyncClient
    told: Counter[str] = field(default_factory=Counter)
    made: int = 0

    # --- catalog's side ---------------------------------------------------------------------------

    async def tell(
        self, event: Event, subject: str, *, region: str = "36", times: int = 1
    ) -> list[Verdict]:
        """Let an event of another service arrive through the inbox, `times` times."""
        self.told[subject] += 1
        envelope = Envelope[Any](
            id=uuid.uuid4(),
            source=f"/{event.source}",
            type=event.type,
            subject=subject,
            time=datetime.now(UTC),
            dataschema=dataschema(event.type, "https://ganfutong.test"),
            sequence=self.told[subject],
            region=region,
            data=event.model_dump(mode="json"),
        )
        arrival = read_arrival(envelope.model_dump_json().encode(), 1, 1)
        inbox = self.suite.apps["filing"].state.messaging.inbox
        return [(await inbox.receive([arrival]))[0] for _ in range(times)]

    async def furnish(self) -> None:
        """Organisations, halls, a zone, items, the norm, two official years, accepted lists."""
        for id_, kind, region, parent in ORGANISATIONS:
            await self.tell(
                catalog.OrganisationRegistered(
                    organisation_id=id_, name=id_, kind=kind, region=region, parent=parent
                ),
                f"organisation:{id_}",
            )
        for id_, region in HALLS.items():
            await self.tell(
                catalog.HallRegistered(
                    hall_id=id_,
                    name=id_,
                    level="city",
                    region=region,
                    organisation_id="jx-zwfw",
                    parent=None,
                    state="ACTIVE",
                ),
                f"hall:{id_}",
            )
        await self.tell(
            catalog.ZoneRegistered(
                zone_id="zone-rst", name="人社专区", hall_id="hall-36", department="jx-rst"
            ),
            "zone:zone-rst",
        )
        await self.issue_norm(NORM, effective_from="2025-08-04")
        for code, department in (("demo-rst-001", "jx-rst"), ("demo-ybj-001", "jx-ybj")):
            await self.know_item(code, department)
        await self.know_item("demo-old-001", "jx-rst", active=False)
        for year in (2025, 2026):
            await self.tell(calendar_event(year), f"calendar:{year}")
        for actor in (PROVINCE, *PLANNERS):
            sent = await self.upload(actor, PNG, "截图.png", "image/png")
            assert sent.status_code == 201, sent.text
        for actor in PLANNERS:
            await self.plan(actor, [item_of(actor)])

    async def issue_norm(
        self, version: str, *, effective_from: str, checklist: Sequence[str] = CHECKLIST
    ) -> None:
        await self.tell(
            catalog.NormIssued(
                version=version,
                title="规范",
                effective_from=date.fromisoformat(effective_from),
                checklist=list(checklist),
            ),
            f"norm:{version}",
        )

    async def name(
        self,
        organisation: str,
        domain: str = "OPERATION",
        post: str = "RESPONSIBLE",
        *,
        person: uuid.UUID | None = None,
        since: date = date(2026, 1, 1),
        until: date | None = None,
    ) -> str:
        """Catalog tells twice that somebody holds a post; their id."""
        person_id = person or uuid.uuid4()
        await self.tell(
            catalog.ResponsiblePersonNamed(
                person_id=person_id,
                organisation_id=organisation,
                domain=domain,
                post=post,
                valid_from=since,
                valid_to=until,
            ),
            f"person:{person_id}",
            times=2,
        )
        return str(person_id)

    async def know_item(self, code: str, department: str, *, active: bool = True) -> None:
        await self.tell(
            catalog.ItemRegistered(
                item_code=code,
                name=code,
                item_type="20",
                level="3",
                department=department,
                active=active,
            ),
            f"item:{code}",
        )

    async def publish(self, filing: dict[str, Any], *, version: int = 1) -> None:
        """Catalog puts an accepted filing live."""
        content = filing["content"]
        await self.tell(
            catalog.ListingPublished(
                listing_id=filing["listing_id"],
                filing_id=filing["id"],
                item_code=content["item_code"],
                organisation_id=content["organisation_id"],
                hall_id=content["hall_id"],
                zone_id=content["zone_id"],
                kind=content["kind"],
                title=content["title"],
                version=version,
                digest=filing["digest"],
                entry_url=content["entry_url"],
                listed_at=self.suite.clock.now(),
            ),
            f"listing:{filing['listing_id']}",
            region=content["region"],
        )

    async def delist(self, listing_id: str, filing_id: str, *, emergency: bool = False) -> None:
        await self.tell(
            catalog.ListingDelisted(
                listing_id=uuid.UUID(listing_id),
                filing_id=uuid.UUID(filing_id),
                emergency=emergency,
                notice_id=None,
                delisted_at=self.suite.clock.now(),
            ),
            f"listing:{listing_id}",
        )

    # --- callers ----------------------------------------------------------------------------------

    async def call(
        self,
        actor: Actor,
        method: str,
        path: str,
        body: Any = None,
        *,
        match: str = "*",
        **headers: str,
    ) -> httpx.Response:
        """One call with token, fresh key and If-Match; a dict goes as JSON, bytes as they are.

        A 503 is tried again with the same key, as a client does.
        """
        sent = {**self.suite.headers(actor, if_match=match), **headers}
        given = {"content": body} if isinstance(body, bytes) else {"json": body}
        for _ in range(50):
            answer = await self.client.request(method, path, headers=sent, **given)
            if answer.status_code != 503:
                break
            await asyncio.sleep(0.1)
        return answer

    async def ok(
        self, actor: Actor, method: str, path: str, body: Any = None, **headers: Any
    ) -> dict[str, Any]:
        answer = await self.call(actor, method, path, body, **headers)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def upload(
        self, actor: Actor, data: bytes, name: str, kind: str, **headers: str
    ) -> httpx.Response:
        """Send a file to be cited."""
        return await self.call(
            actor,
            "POST",
            f"/v1/attachments?name={quote(name)}",
            data,
            **{"Content-Type": kind},
            **headers,
        )

    def document(self, actor: Actor, **changes: Any) -> dict[str, Any]:
        """A listing document that qualifies, unlike any other."""
        self.made += 1
        return {
            "item_code": item_of(actor),
            "title": f"参保查询 {self.made}",
            "summary": "查询参保记录。",
            "kind": "LOCAL_SCENARIO" if actor.organisation.startswith("county") else "STANDARD",
            "organisation_id": actor.organisation,
            "region": actor.region,
            "hall_id": HOME[actor.organisation],
            "zone_id": None,
            "audiences": ["1"],
            "channels": ["APP"],
            "capabilities": ["QUERY", "COMPLAINT", "RATING"],
            "entry_url": "https://entry.example.invalid/query",
            "complaint_url": "https://entry.example.invalid/complaint",
            "rating_url": "https://entry.example.invalid/rating",
            "builder": "信息中心",
            "operations_contact": "运维值班岗",
            "identity_level": "REAL_NAME",
            "data_scope": [],
            "keywords": [],
            "norm_version": NORM,
            **changes,
        }

    def digest(self, document: dict[str, Any]) -> str:
        return digest(ListingContent.model_validate(document).model_dump(mode="json"))

    def self_test(self, digest_: str, **changes: Any) -> dict[str, Any]:
        return {
            "norm_version": NORM,
            "digest": digest_,
            "environment": "预发布环境",
            "cases": [{"name": "查询走通", "result": "PASS", "note": ""}],
            "result": "PASS",
            "signed_by": "测试岗",
            "signed_at": self.suite.clock.now().isoformat(),
            "attachments": [REPORT],
            **changes,
        }

    def listing_body(
        self, actor: Actor, *, filing_type: str = "LISTING", submit: bool = True, **changes: Any
    ) -> dict[str, Any]:
        """A body for POST /v1/filings that passes every gate."""
        members: dict[str, Any] = {
            name: changes.pop(name)
            for name in ("listing_id", "plan_line_id", "goes_live_at", "self_test")
            if name in changes
        }
        document = self.document(actor, **changes)
        return {
            "filing_type": filing_type,
            "content": document,
            "self_test": self.self_test(self.digest(document)),
            "submit": submit,
            **members,
        }

    async def file(self, actor: Actor, **changes: Any) -> dict[str, Any]:
        return await self.ok(actor, "POST", "/v1/filings", self.listing_body(actor, **changes))

    async def confirm(self, filing: dict[str, Any], actor: Actor | None = None) -> dict[str, Any]:
        by = actor or (LABOUR if filing["item_code"] == "demo-rst-001" else HEALTH_INSURANCE)
        return await self.ok(by, "POST", f"/v1/filings/{filing['id']}/confirmation", {})

    async def accept(self, filing: dict[str, Any]) -> dict[str, Any]:
        return await self.ok(PROVINCE, "POST", f"/v1/filings/{filing['id']}/acceptance", {})

    async def live(self, actor: Actor) -> dict[str, Any]:
        """An accepted filing whose listing is live."""
        filing = await self.file(actor)
        if filing["flow"] == "CONFIRM":
            await self.confirm(filing)
        accepted = await self.accept(filing)
        await self.publish(accepted)
        return accepted

    async def approve(self, filing: dict[str, Any]) -> dict[str, Any]:
        return await self.ok(PROVINCE, "POST", f"/v1/filings/{filing['id']}/approval", {})

    async def send(self, actor: Actor, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        """File a document of a type that has no gates but its own, and send it at once."""
        body = {"filing_type": kind, "content": content, "submit": True}
        return await self.ok(actor, "POST", "/v1/filings", body)

    async def try_to_send(
        self, actor: Actor, kind: str, content: dict[str, Any]
    ) -> tuple[int, str]:
        """Status and code of the refusal."""
        body = {"filing_type": kind, "content": content, "submit": True}
        return refusal(await self.call(actor, "POST", "/v1/filings", body))

    async def plan(self, actor: Actor, codes: list[str], *, year: int = 2026) -> dict[str, Any]:
        kind = "LOCAL_SCENARIO" if actor.organisation.startswith("county") else "STANDARD"
        lines = [
            {
                "item_code": code,
                "hall_id": HOME[actor.organisation],
                "kind": kind,
                "planned_on": f"{year}-06-30",
                "note": "",
            }
            for code in codes
        ]
        filed = await self.ok(actor, "POST", f"/v1/listing-plans?year={year}", {"lines": lines})
        return await self.accept(filed)

    def oral_report(self, **changes: Any) -> dict[str, Any]:
        return {
            "reporter_office": "市政务服务主管部门运维岗",
            "receiver_office": "省政务服务办值班室",
            "channel": "PHONE",
            "reported_at": (self.suite.clock.now() - timedelta(minutes=5)).isoformat(),
            "summary": "入口连续报错，先行下架。",
            "reason_class": "FAULT",
            **changes,
        }

    async def order(self, actor: Actor, listing_id: str, **changes: Any) -> dict[str, Any]:
        body = {"listing_id": listing_id, "oral_report": self.oral_report(), **changes}
        return await self.ok(actor, "POST", "/v1/emergency-delistings", body)

    def written(self, order: dict[str, Any], **changes: Any) -> dict[str, Any]:
        return {
            "filing_type": "EMERGENCY_DELIST",
            "content": {
                "oral_report_id": order["oral_report"]["id"],
                "listing_id": order["listing_id"],
                "circumstances": "入口连续报错。",
                "measures": "已下架并修复。",
                **changes,
            },
            "submit": True,
        }

    async def sweep(self) -> int:
        """One look at the clocks, beside the service's own."""
        return await self.run(sweep_clocks)

    async def run(self, work: Callable[[Transaction], Awaitable[int]]) -> int:
        """One round of what the clock causes, beside the service's own; how much it did.

        One whose connection is lost, as on a machine that stalls, is left to the next, as there.
        """
        database = self.suite.apps["filing"].state.database
        for _ in range(3):
            with suppress(DatabaseUnavailable):
                async with database.transaction(system("filing")) as tx:
                    return await work(tx)
        raise AssertionError("the database stays away")

    async def sweep_at(self, instant: str) -> None:
        """Move the clock and sweep until nothing is due."""
        self.suite.clock.set(datetime.fromisoformat(instant))
        while await self.sweep():
            pass

    # --- looking ----------------------------------------------------------------------------------

    async def events(self, subject: str) -> list[tuple[str, dict[str, Any]]]:
        """What was told of an aggregate, in order: fact and data."""
        rows = await self.suite.sql(
            "filing", "select type, data from outbox where subject = $1 order by sequence", subject
        )
        return [
            (row["type"].removeprefix("filing.").removesuffix(".v1"), json.loads(row["data"]))
            for row in rows
        ]

    async def facts(self, subject: str) -> list[str]:
        return [fact for fact, _ in await self.events(subject)]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem+json answer."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]
