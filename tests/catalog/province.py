"""A small province for catalog's tests, and filing's voice: real envelopes into the real inbox."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx

from shared.events.envelope import Event, dataschema
from shared.events.filing import (
    EmergencyDelistingOrdered,
    FilingAccepted,
    FilingSubmitted,
    ListingContent,
)
from shared.messaging.handling import read_arrival
from shared.messaging.inbox import Ack, Verdict
from shared.security.canonical import digest
from shared.security.identity import Actor
from tests.suite import MINI_APP, PROVINCE, Suite, eventually

Rows = list[dict[str, Any]]

REGIONS: Rows = [
    {"id": "36", "name": "江西省", "level": "PROVINCE", "gb2260": "360000"},
    {"id": "360100", "name": "南昌市", "level": "CITY", "parent": "36", "gb2260": "360100"},
    {"id": "360102", "name": "东湖区", "level": "COUNTY", "parent": "360100"},
    {"id": "360400", "name": "九江市", "level": "CITY", "parent": "36"},
    {"id": "36GJ00", "name": "赣江新区", "level": "NEW_AREA", "parent": "36"},
]


def organisation(id_: str, name: str, kind: str, region: str, parent: str | None) -> dict[str, Any]:
    return {
        "id": id_,
        "name": name,
        "short_name": name,
        "kind": kind,
        "region": region,
        "parent": parent,
    }


ORGANISATIONS: Rows = [
    organisation("jx-zwfw", "江西省人民政府办公厅", "PROVINCIAL_AUTHORITY", "36", None),
    organisation("jx-rst", "江西省人力资源和社会保障厅", "PROVINCIAL_DEPARTMENT", "36", "jx-zwfw"),
    organisation("jx-ybj", "江西省医疗保障局", "PROVINCIAL_DEPARTMENT", "36", "jx-zwfw"),
    organisation("city-360100", "南昌市人民政府办公室", "CITY_AUTHORITY", "360100", "jx-zwfw"),
    organisation("city-360400", "九江市人民政府办公室", "CITY_AUTHORITY", "360400", "jx-zwfw"),
    organisation("city-36gj00", "赣江新区管委会办公室", "CITY_AUTHORITY", "36GJ00", "jx-zwfw"),
    organisation(
        "county-360102", "东湖区政务服务主管部门", "COUNTY_AUTHORITY", "360102", "city-360100"
    ),
    organisation("operator", "赣服通平台运营机构（演示）", "OPERATOR", "36", "jx-zwfw"),
]


def hall(id_: str, level: str, region: str, owner: str, parent: str | None) -> dict[str, Any]:
    return {
        "id": id_,
        "name": f"分厅 {region}",
        "level": level,
        "region": region,
        "organisation": owner,
        "parent": parent,
    }


HALLS: Rows = [
    hall("hall-36", "PROVINCE", "36", "jx-zwfw", None),
    hall("hall-360100", "CITY", "360100", "city-360100", "hall-36"),
    hall("hall-360400", "CITY", "360400", "city-360400", "hall-36"),
    hall("hall-360102", "COUNTY", "360102", "county-360102", "hall-360100"),
]
ZONES: Rows = [{"id": "zone-rst", "name": "人社专区", "hall": "hall-36", "department": "jx-rst"}]
NORMS: Rows = [
    {
        "id": "platform-technical-norm",
        "title": "平台技术管理规范（演示）",
        "version": "demo-0.1",
        "effective_from": "2025-08-04",
        "checklist": ["投诉和评价入口可用"],
    }
]


def item(code: str, name: str, department: str = "jx-rst", **changes: Any) -> dict[str, Any]:
    return {
        "code": code,
        "code_scheme": "demo",
        "name": name,
        "item_type": "20",
        "level": "7",
        "department": department,
        "audiences": ["1"],
        "initiation": "ON_APPLICATION",
        "summary": "演示事项。",
        "keywords": ["演示"],
        **changes,
    }


ITEMS: Rows = [
    item("demo-rst-001", "社会保险个人权益记录查询打印"),
    item("demo-rst-002", "社会保险参保缴费证明打印"),
    item("demo-ybj-001", "医疗保险参保登记", "jx-ybj"),
    item("demo-rst-101", "赣菜师傅技能培训报名"),
]
PROVINCE_FILES = {
    "regions": REGIONS,
    "organisations": ORGANISATIONS,
    "halls": HALLS,
    "zones": ZONES,
    "norms": NORMS,
    "items": ITEMS,
}


def content(**changes: Any) -> ListingContent:
    """A provincial department's listing; a city's or county's by its own organisation and hall."""
    return ListingContent.model_validate(
        {
            "item_code": "demo-rst-001",
            "title": "社会保险个人权益记录查询打印",
            "summary": "查询和打印本人社会保险权益记录。",
            "kind": "STANDARD",
            "organisation_id": "jx-rst",
            "region": "36",
            "hall_id": "hall-36",
            "zone_id": "zone-rst",
            "audiences": ["1"],
            "channels": ["APP", "WECHAT_MINI"],
            "capabilities": ["QUERY", "COMPLAINT", "RATING"],
            "entry_url": "https://entry.example/rst/001",
            "complaint_url": "https://entry.example/complaint",
            "rating_url": "https://entry.example/rating",
            "builder": "演示建设单位",
            "operations_contact": "值班电话 13800138000",
            "identity_level": "REAL_NAME",
            "data_scope": ["社保缴费记录"],
            "keywords": ["社保"],
            "norm_version": "demo-0.1",
            **changes,
        }
    )


NANCHANG_PLACE = {
    "organisation_id": "city-360100",
    "region": "360100",
    "hall_id": "hall-360100",
    "zone_id": None,
}
JIUJIANG_PLACE = {
    "organisation_id": "city-360400",
    "region": "360400",
    "hall_id": "hall-360400",
    "zone_id": None,
}
DONGHU_PLACE = {
    "organisation_id": "county-360102",
    "region": "360102",
    "hall_id": "hall-360102",
    "zone_id": None,
    "kind": "LOCAL_SCENARIO",
}


def digest_of(document: ListingContent) -> str:
    return digest(document.model_dump(mode="json"))


@dataclass
class Catalog:
    """The service under test, and what is said to it."""

    suite: Suite
    client: httpx.AsyncClient
    _sequences: Counter[str] = field(default_factory=Counter)

    # --- over HTTP --------------------------------------------------------------------------------

    async def get(self, path: str, actor: Actor = MINI_APP, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=self.suite.headers(actor, **headers))

    async def send(
        self, method: str, path: str, body: Any, actor: Actor = PROVINCE, **headers: str
    ) -> httpx.Response:
        return await self.client.request(
            method, path, json=body, headers=self.suite.headers(actor, **headers)
        )

    async def total(self, query: str) -> int:
        found: int = (await self.get(f"/v1/listings?{query}")).json()["total"]
        return found

    async def fill(self) -> None:
        for resource, rows in PROVINCE_FILES.items():
            job = await self.import_rows(resource, rows)
            assert job["failed"] == 0, job["errors"]

    async def import_rows(
        self, resource: str, rows: Rows, *, dry_run: bool = False
    ) -> dict[str, Any]:
        return await self.import_file(
            resource, json.dumps(rows).encode(), media_type="application/json", dry_run=dry_run
        )

    async def import_file(
        self, resource: str, body: bytes, *, media_type: str = "text/csv", dry_run: bool = False
    ) -> dict[str, Any]:
        """Start an import and wait for its end."""
        started = await self.client.post(
            f"/v1/imports/{resource}?dry_run={str(dry_run).lower()}",
            content=body,
            headers={**self.suite.headers(PROVINCE), "Content-Type": media_type},
        )
        assert started.status_code == 202, started.text
        return await self.finished(started.headers["location"])

    async def finished(self, location: str) -> dict[str, Any]:
        async def done() -> dict[str, Any] | None:
            job: dict[str, Any] = (await self.get(location, PROVINCE)).json()
            return job if job["state"] in ("DONE", "FAILED") else None

        job: dict[str, Any] = await eventually(done, within=30)
        return job

    # --- as filing ----------------------------------------------------------------------------

    def envelope(
        self, event: Event, subject: str, *, region: str = "36", event_id: UUID | None = None
    ) -> bytes:
        """The next event of an aggregate, as it would come from the stream."""
        self._sequences[subject] += 1
        return json.dumps(
            {
                "specversion": "1.0",
                "id": str(event_id or uuid4()),
                "source": "/filing",
                "type": event.type,
                "subject": subject,
                "time": datetime.now(UTC).isoformat(),
                "dataschema": dataschema(event.type, "https://ganfutong.test"),
                "sequence": self._sequences[subject],
                "region": region,
                "data": event.model_dump(mode="json"),
            }
        ).encode()

    async def hear(self, *envelopes: bytes) -> list[Verdict]:
        inbox = self.suite.apps["catalog"].state.messaging.inbox
        verdicts: list[Verdict] = await inbox.receive(
            [read_arrival(each, place, 1) for place, each in enumerate(envelopes, 1)]
        )
        return verdicts

    async def tell(self, event: Event, subject: str, *, region: str = "36") -> None:
        """Deliver one event and insist that it was applied."""
        assert await self.hear(self.envelope(event, subject, region=region)) == [Ack()]

    def submitted(
        self, document: ListingContent, *, listing: UUID, filing: UUID, kind: str = "LISTING"
    ) -> FilingSubmitted:
        return FilingSubmitted(
            filing_id=filing,
            filing_type=kind,
            organisation_id=document.organisation_id,
            listing_id=listing,
            item_code=document.item_code,
            digest=digest_of(document),
            round=1,
            due_at=None,
            provisional=False,
        )

    async def submit(
        self,
        document: ListingContent,
        *,
        listing: UUID,
        filing: UUID | None = None,
        kind: str = "LISTING",
    ) -> UUID:
        filing = filing or uuid4()
        event = self.submitted(document, listing=listing, filing=filing, kind=kind)
        await self.tell(event, f"filing:{filing}", region=document.region)
        return filing

    def accepted(
        self,
        document: ListingContent | None,
        *,
        listing: UUID,
        filing: UUID,
        kind: str = "LISTING",
        **changes: Any,
    ) -> FilingAccepted:
        local = document is not None and document.region != "36"
        values: dict[str, Any] = {
            "filing_id": filing,
            "filing_type": kind,
            "organisation_id": "jx-rst" if document is None else document.organisation_id,
            "listing_id": listing,
            "item_code": None if document is None else document.item_code,
            "digest": "sha-256:0" if document is None else digest_of(document),
            "accepted_at": self.suite.clock.now(),
            "confirmed_by": ["jx-rst"] if local else [],
            "content": document,
        }
        return FilingAccepted.model_validate({**values, **changes})

    async def publish(self, document: ListingContent | None = None, **changes: Any) -> UUID:
        """File a listing and have it accepted: live, unless something is wrong with it."""
        document, listing = document or content(), uuid4()
        filing = await self.submit(document, listing=listing)
        event = self.accepted(document, listing=listing, filing=filing, **changes)
        await self.tell(event, f"filing:{filing}", region=document.region)
        return listing

    async def decide(
        self, kind: str, document: ListingContent, *, listing: UUID, **changes: Any
    ) -> UUID:
        """File an update or a delisting of a listing and have it accepted."""
        filing = await self.submit(document, listing=listing, kind=kind)
        event = self.accepted(
            None if kind == "DELIST" else document,
            listing=listing,
            filing=filing,
            kind=kind,
            **{"confirmed_by": ["jx-rst"], **changes},
        )
        await self.tell(event, f"filing:{filing}", region=document.region)
        return filing

    def emergency(self, listing: UUID, filing: UUID) -> EmergencyDelistingOrdered:
        return EmergencyDelistingOrdered(
            filing_id=filing,
            listing_id=listing,
            organisation_id="jx-rst",
            oral_report_id=uuid4(),
            reason_class="FAULT",
            ordered_at=self.suite.clock.now(),
        )

    # --- what it told -----------------------------------------------------------------------------

    async def told(self, subject: str) -> list[tuple[str, dict[str, Any]]]:
        """The events of an aggregate in catalog's outbox: (type without service, data)."""
        rows = await self.suite.sql(
            "catalog", "select type, data from outbox where subject = $1 order by id", subject
        )
        return [(row["type"].removeprefix("catalog."), json.loads(row["data"])) for row in rows]

    async def outbox_size(self) -> int:
        rows = await self.suite.sql("catalog", "select count(*) as n from outbox")
        size: int = rows[0]["n"]
        return size


async def listing(catalog: Catalog, listing_id: UUID) -> httpx.Response:
    """What the public sees of one listing."""
    return await catalog.get(f"/v1/listings/{listing_id}")
