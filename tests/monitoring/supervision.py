"""Monitoring with its units, posts and calendar, as catalog tells of them; and who supervises."""

import csv
import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from shared.clock import SHANGHAI
from shared.events import catalog
from shared.security.identity import Actor
from tests.monitoring.world import World
from tests.suite import LABOUR, NANCHANG, PROVINCE, Suite, officer

CALENDAR = Path(__file__).parents[2] / "deploy" / "local" / "data" / "calendar"
UNITS = (
    ("jx-zwfw", "PROVINCIAL_AUTHORITY", "36", None),
    ("jx-rst", "PROVINCIAL_DEPARTMENT", "36", "jx-zwfw"),
    ("jx-ybj", "PROVINCIAL_DEPARTMENT", "36", "jx-zwfw"),
    ("city-360100", "CITY_AUTHORITY", "360100", "jx-zwfw"),
    ("city-360400", "CITY_AUTHORITY", "360400", "jx-zwfw"),
    ("county-360102", "COUNTY_AUTHORITY", "360102", "city-360100"),
    ("operator", "OPERATOR", "36", "jx-zwfw"),
)
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=SHANGHAI)
EVIDENCE = [{"name": "截图.png", "sha256": "0f" * 32}]
READER = officer(PROVINCE, "reader-province")
OTHER_READER = officer(PROVINCE, "reader-province-2")
CITY_READER = officer(NANCHANG, "reader-nanchang")


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


class Supervision(World):
    """A world whose units are known."""

    async def furnish(self, *, years: tuple[int, ...] = (2026,)) -> None:
        for id_, kind, region, parent in UNITS:
            event = catalog.OrganisationRegistered(
                organisation_id=id_, name=id_, kind=kind, region=region, parent=parent
            )
            await self.tell(event, f"organisation:{id_}")
        for year in years:
            await self.tell(calendar_event(year), f"calendar:{year}")

    async def name_person(
        self, unit: str, *, domain: str = "MAINTENANCE", post: str = "RESPONSIBLE", times: int = 1
    ) -> str:
        person = uuid.uuid4()
        event = catalog.ResponsiblePersonNamed(
            person_id=person,
            organisation_id=unit,
            domain=domain,
            post=post,
            valid_from=date(2026, 1, 1),
            valid_to=None,
        )
        await self.tell(event, f"person:{person}", times=times)
        return str(person)

    async def decide(
        self, path: str, body: Any, by: Actor = PROVINCE, *, match: str = "*"
    ) -> httpx.Response:
        return await self.suite.clients["monitoring"].post(
            path, json=body, headers=self.suite.headers(by, **{"If-Match": match})
        )

    async def record(self, by: Actor = PROVINCE, **changes: Any) -> dict[str, Any]:
        """A finding about the labour department unless `changes` say otherwise."""
        answer = await self.post("/v1/findings", found(**changes), by)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def ordered(self, by: Actor = PROVINCE, **changes: Any) -> str:
        return f"/v1/findings/{(await self.record(by, order=True, **changes))['id']}"

    async def submitted(
        self, by: Actor = PROVINCE, *, debtor: Actor = LABOUR, **changes: Any
    ) -> str:
        path = await self.ordered(by, **changes)
        answer = await self.submit(path, debtor)
        assert answer.status_code == 200, answer.text
        return path

    async def submit(self, path: str, by: Actor = LABOUR) -> httpx.Response:
        body = {"opinion": "已整改", "evidence": EVIDENCE}
        return await self.decide(f"{path}/submission", body, by)

    async def verify(self, path: str, by: Actor = READER, *, passed: bool = True) -> httpx.Response:
        body = {"passed": passed, "opinion": "已核验"}
        return await self.decide(f"{path}/verification", body, by)

    async def finding(self, path: str, by: Actor = PROVINCE) -> dict[str, Any]:
        answer = await self.get(path, by)
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    async def retested(self, path: str) -> str:
        """Where a finding stands after its next re-test."""
        self.suite.clock.advance(timedelta(seconds=10))
        await self.suite.tick("monitoring", "retest_submitted")
        return str((await self.finding(path))["state"])

    async def actions(self, path: str) -> list[str]:
        return [each["action"] for each in await self.items(f"{path}/history")]

    async def facts(self, path: str) -> list[str]:
        """What was told of a finding, in order, without source and version."""
        rows = await self.suite.sql(
            "monitoring",
            "select type from outbox where subject = $1 order by id",
            f"finding:{path.rpartition('/')[2]}",
        )
        return [each["type"].split(".")[1] for each in rows]

    async def sample(self, listing_id: str, *, ok: bool, times: int = 1) -> None:
        """Results of the entry probe, a second apart, as the prober stores them."""
        probe = await self.probe_of(listing_id)
        day = self.suite.clock.now().astimezone(UTC)
        await self.suite.sql("monitoring", "select keep_sample_day($1::date)", day.date())
        for _ in range(times):
            self.suite.clock.advance(timedelta(seconds=1))
            await self.suite.sql(
                "monitoring",
                "insert into samples (probe_id, at, vantage, ok, evidence, reused, lag, total)"
                " values ($1, $2, 'test', $3, true, false, 0, 1)",
                uuid.UUID(probe["id"]),
                self.suite.clock.now(),
                ok,
            )


def found(**changes: Any) -> dict[str, Any]:
    """What a supervisor says that it found."""
    return {
        "organisation_id": "jx-rst",
        "kind": "CONTENT",
        "source": "SUPERVISION",
        "summary": "办事指南已过期",
        "evidence": EVIDENCE,
        **changes,
    }


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem+json answer."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


async def started(
    suite: Suite, *, known: datetime = MONDAY - timedelta(days=30), **changes: Any
) -> Supervision:
    """The service on a Monday morning, with officers and units that are known for a while."""
    suite.clock.set(known)
    await suite.name_officers()
    await suite.start("monitoring", **changes)
    made = Supervision(suite)
    await made.furnish()
    suite.clock.set(MONDAY)
    return made
