"""Every read model comes back from the publishers' records with the digest that it had (E6)."""

import asyncio
import hashlib
import importlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.events import catalog, filing
from shared.events.envelope import Event
from shared.messaging.archive import archive_events
from shared.messaging.handling import ReadModel
from shared.messaging.rebuild import rebuild
from shared.messaging.record import Record
from shared.migrations.lineage import package_of
from shared.security.identity import system
from tests.filing.world import calendar_event
from tests.province import Caller, found_province, listed, plan
from tests.suite import LABOUR, MINI_APP, NANCHANG, PROVINCE, Suite, eventually

READER_ID = "record-reader"
READER = {
    "client_id": READER_ID,
    "organisation_id": "platform",
    "role": "CONSOLE",
    "region": "36",
    "scopes": ["events:read"],
}
PERSON = {
    "organisation_id": NANCHANG.organisation,
    "domain": "OPERATION",
    "name": "演示运营专人",
    "phone": "19900000901",
    "valid_from": "2025-08-04",
    "valid_to": None,
}


@pytest.fixture(scope="module")
async def platform(suite: Suite) -> httpx.AsyncClient:
    """A province with yearly lists and two live listings, half of whose events are archived."""
    client = await suite.serve_all()
    await found_province(suite, client)
    await _name_persons(suite, client)
    for owner in (NANCHANG, LABOUR):
        await plan(suite, client, owner, "demo-rst-001", "demo-rst-002")
    await listed(suite, client, NANCHANG, "demo-rst-001")
    await listed(suite, client, LABOUR, "demo-rst-002", title="失业登记")
    emergency = await listed(suite, client, LABOUR, "demo-rst-001", title="社保转移")
    await _tell_more(suite, emergency["id"])
    for service in ("catalog", "filing"):
        database = suite.apps[service].state.database
        async with database.transaction(system(service), whole_province=True) as tx:
            await archive_events(await tx.raw(), before=tx.now, limit=20)
    return client


async def _tell_more(suite: Suite, listing_id: str) -> None:
    """A calendar, two liaisons, a notice, windows, checks and an emergency, as facts alone."""
    now = suite.clock.now()
    order = uuid4()
    checked, ended = f"checked-{uuid4().hex[:6]}", f"ended-{uuid4().hex[:6]}"
    facts: dict[str, list[tuple[Event, str]]] = {
        "catalog": [
            (calendar_event(2026), "calendar:2026"),
            (
                catalog.PartnerLiaisonNamed(
                    partner_id="partner-1", partner_person_id=uuid4(), operator_person_id=uuid4()
                ),
                "partner:partner-1",
            ),
            (
                catalog.NoticePublished(
                    notice_id=order,
                    kind="FAULT",
                    listing_ids=[UUID(listing_id)],
                    filing_id=None,
                    published_at=now,
                    expires_at=None,
                ),
                f"notice:{order}",
            ),
        ],
        "filing": [
            *_windows(now),
            *((_clearance(each, now), f"clearance:{each}") for each in (checked, ended)),
            (
                filing.ClearanceRevoked(
                    subject_ref=ended, organisation_id="operator", reason="岗位调整"
                ),
                f"clearance:{ended}",
            ),
            (
                filing.EmergencyDelistingOrdered(
                    filing_id=order,
                    listing_id=UUID(listing_id),
                    organisation_id="jx-rst",
                    oral_report_id=uuid4(),
                    reason_class="FAULT",
                    ordered_at=now,
                ),
                f"filing:{order}",
            ),
        ],
    }
    for service, told in facts.items():
        async with suite.apps[service].state.database.transaction(system(service)) as tx:
            for event, subject in told:
                tx.emit(event, subject=subject, region="36")

    async def heard() -> bool:
        looks = {
            "gateway": "select 1 from clearances where revoked",
            "monitoring": "select 1 from known_windows, known_notices where state = 'CANCELLED'",
            "filing": "select 1 from known_liaisons, calendar_years",
        }
        return all([await suite.sql(service, look) for service, look in looks.items()])

    await eventually(heard)

    async def closed() -> Any:
        return await suite.sql("gateway", "select 1 from entry_points where state = 'DELISTED'")

    await eventually(closed)


def _windows(now: datetime) -> list[tuple[Event, str]]:
    ids = [uuid4(), uuid4()]
    planned = [
        filing.WindowPlanned(
            window_id=each,
            filing_id=each,
            filing_type="MAINTENANCE",
            kind="SYSTEM_UPGRADE",
            organisation_id="jx-rst",
            listing_ids=[],
            starts_at=now + timedelta(days=9),
            ends_at=now + timedelta(days=10),
            impact="UNAVAILABLE",
            change=1,
            filed_at=now,
            short_notice=False,
        )
        for each in ids
    ]
    cancelled = filing.WindowCancelled(window_id=ids[0], filing_id=ids[0], organisation_id="jx-rst")
    told: list[Event] = [*planned, cancelled]
    return [(each, f"window:{window}") for each, window in zip(told, [*ids, ids[0]], strict=True)]


def _clearance(subject: str, now: datetime) -> filing.ClearanceRecorded:
    return filing.ClearanceRecorded(
        filing_id=uuid4(),
        organisation_id="operator",
        subject_ref=subject,
        role="OPERATOR",
        valid_from=now.date(),
        valid_until=now.date() + timedelta(days=30),
    )


async def _name_persons(suite: Suite, client: httpx.AsyncClient) -> None:
    """Two posts of a city, one of them handed over since."""
    city = Caller(suite, client, NANCHANG)
    posts = [
        await city.post("/v1/responsible-persons", {**PERSON, "post": post})
        for post in ("RESPONSIBLE", "LEADER")
    ]
    term = {name: PERSON[name] for name in ("name", "phone", "valid_from")}
    handed_over = await city.put(posts[0].headers["location"], {**term, "valid_to": "2026-01-31"})
    assert handed_over.status_code == 200, handed_over.text

    async def known() -> Any:
        rows = await suite.sql("filing", "select valid_to from known_persons")
        return len(rows) == len(posts) and any(row["valid_to"] for row in rows)

    await eventually(known)


@pytest.fixture(scope="module")
async def secret(suite: Suite, platform: httpx.AsyncClient) -> str:
    """Of an API client that the province registered for reading, with one scope."""
    registered = await Caller(suite, platform, PROVINCE).post("/v1/clients", READER)
    assert registered.status_code == 201, registered.text
    issued: str = registered.json()["client_secret"]
    return issued


@pytest.fixture(scope="module")
async def record(suite: Suite, secret: str) -> AsyncIterator[Record]:
    made = Record(suite.urls["gateway"], client_id=READER_ID, client_secret=lambda: secret)
    yield made
    await made.close()


def model_of(service: str) -> ReadModel:
    module = importlib.import_module(f"{package_of(service)}.event_handlers")
    model: ReadModel = module.READ_MODEL
    return model


async def digests(suite: Suite, service: str) -> dict[str, str]:
    """By table; a revision only counts the writes that replicas have to read."""
    found = {}
    for table in model_of(service).tables:
        rows = await suite.sql(service, f"select * from {table} order by 1, 2")  # noqa: S608 fixed names
        told = [{name: row[name] for name in set(row.keys()) - {"revision"}} for row in rows]
        text = repr([sorted(each.items()) for each in told])
        found[table] = hashlib.sha256(text.encode()).hexdigest()
    return found


@pytest.mark.feature("E6")
@pytest.mark.parametrize(
    ("service", "spoil"),
    [
        ("filing", "update live_listings set state = 'DELISTED', digest = 'x'"),
        ("filing", "delete from known_items"),
        ("filing", "update known_persons set valid_to = null, post = 'RESPONSIBLE'"),
        ("filing", "update known_organisations set parent = null"),
        ("filing", "update calendar_days set kind = 'WORKDAY', name = 'x'"),
        ("filing", "delete from calendar_years"),
        ("catalog", "delete from plan_lines"),
        ("monitoring", "delete from known_windows"),
        ("gateway", "update entry_points set state = 'LISTED', entry_url = '', notice_id = null"),
        ("gateway", "delete from clearances"),
    ],
)
async def test_a_spoilt_read_model_comes_back_with_the_same_digest(
    suite: Suite, record: Record, service: str, spoil: str
):
    before = await digests(suite, service)
    await suite.sql(service, spoil)
    spoilt = await digests(suite, service)

    count = await rebuild(
        suite.apps[service].state.database, record, model_of(service), service=service
    )

    assert spoilt != before
    assert await digests(suite, service) == before
    assert count > 0


@pytest.mark.feature("E6")
@pytest.mark.parametrize("service", ["catalog", "filing", "monitoring", "gateway"])
async def test_each_table_of_a_read_model_holds_something_and_is_filled_anew(
    suite: Suite, record: Record, service: str
):
    before = await digests(suite, service)
    held = [len(await suite.sql(service, f"select 1 from {table}")) for table in before]  # noqa: S608 fixed names
    for table in reversed(model_of(service).tables):
        await suite.sql(service, f"delete from {table}")  # noqa: S608 fixed names

    await rebuild(suite.apps[service].state.database, record, model_of(service), service=service)

    assert min(held) > 0, dict(zip(before, held, strict=True))
    assert await digests(suite, service) == before


@pytest.mark.feature("E6")
async def test_a_rebuilt_gateway_voids_no_token_and_opens_no_entry(
    suite: Suite, platform: httpx.AsyncClient, record: Record
):
    clients = "select id, version, void_before from api_clients order by id"
    before = await suite.sql("gateway", clients)

    await rebuild(
        suite.apps["gateway"].state.database, record, model_of("gateway"), service="gateway"
    )

    shut = "select listing_id from entry_points where state <> 'LISTED'"
    [closed] = await suite.sql("gateway", shut)
    answer = await Caller(suite, platform, MINI_APP).get(f"/v1/entry/{closed['listing_id']}/")
    assert await suite.sql("gateway", clients) == before
    assert answer.status_code == 410


@pytest.mark.feature("E6")
async def test_the_service_goes_on_from_its_rebuilt_model(
    suite: Suite, platform: httpx.AsyncClient, record: Record
):
    await rebuild(suite.apps["filing"].state.database, record, model_of("filing"), service="filing")

    listing = await listed(suite, platform, LABOUR, "demo-rst-001", title="社保查询")

    async def known() -> Any:
        return await suite.sql(
            "filing",
            "select 1 from live_listings where id = $1 and state = 'LISTED'",
            listing["id"],
        )

    await eventually(known)


@pytest.mark.feature("E6")
async def test_an_operator_rebuilds_with_one_command(suite: Suite, secret: str, tmp_path: Path):
    before = await digests(suite, "filing")
    await suite.sql("filing", "delete from known_organisations")
    secret_file = tmp_path / "record.secret"
    secret_file.write_text(secret)
    settings = suite.values(
        "filing",
        record_url=suite.urls["gateway"],
        record_client_id=READER_ID,
        record_secret_file=secret_file,
    )

    command = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "shared.messaging.rebuild",
        "filing",
        env={**os.environ, **{f"GFT_{name.upper()}": str(each) for name, each in settings.items()}},
        stdout=subprocess.PIPE,
    )
    told, _ = await command.communicate()

    assert command.returncode == 0
    assert b"known_organisations" in told
    assert await digests(suite, "filing") == before
