"""Every read model comes back from the publishers' records with the digest that it had (E6)."""

import asyncio
import hashlib
import importlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.messaging.archive import archive_events
from shared.messaging.handling import ReadModel
from shared.messaging.rebuild import rebuild
from shared.messaging.record import Record
from shared.security.identity import system
from tests.province import Caller, found_province, listed, plan
from tests.suite import LABOUR, NANCHANG, PROVINCE, Suite, eventually

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
    for service in ("catalog", "filing"):
        database = suite.apps[service].state.database
        async with database.transaction(system(service), whole_province=True) as tx:
            await archive_events(await tx.raw(), before=tx.now, limit=20)
    return client


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
    model: ReadModel = importlib.import_module(f"services.{service}.event_handlers").READ_MODEL
    return model


async def digests(suite: Suite, service: str) -> dict[str, str]:
    found = {}
    for table in model_of(service).tables:
        rows = await suite.sql(service, f"select * from {table} order by 1, 2")  # noqa: S608 fixed names
        found[table] = hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()
    return found


@pytest.mark.feature("E6")
@pytest.mark.parametrize(
    ("service", "spoil"),
    [
        ("filing", "update live_listings set state = 'DELISTED', digest = 'x'"),
        ("filing", "delete from known_items"),
        ("filing", "update known_persons set valid_to = null, post = 'RESPONSIBLE'"),
        ("filing", "update known_organisations set parent = null"),
        ("catalog", "delete from plan_lines"),
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
