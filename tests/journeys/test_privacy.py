"""Canaries: a name and a phone go in, and are looked for wherever they must not be (A21.2)."""

import contextlib
import io
import json
import sys
import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import nats as nats_client
import pytest

from deploy.local.nats import OPERATOR as BROKER_OPERATOR
from shared.events.envelope import STREAM
from tests.province import Caller, found_province
from tests.suite import JIUJIANG, NANCHANG, OPERATOR, PROVINCE, Suite, eventually

NAME, PHONE = "欧阳金丝雀", "19912345678"
PERSON = {
    "organisation_id": "city-360100",
    "domain": "OPERATION",
    "name": NAME,
    "phone": PHONE,
    "valid_from": "2026-01-01",
    "valid_to": "2027-12-31",
}


@pytest.fixture(scope="module")
def said() -> Iterator[io.BytesIO]:
    """Everything that the services write to their output, from the start."""
    raw = io.BytesIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(raw, "utf-8", write_through=True)):
        yield raw


@pytest.fixture(scope="module")
async def platform(suite: Suite, said: io.BytesIO) -> AsyncIterator[httpx.AsyncClient]:
    client = await suite.serve_all(log_level="DEBUG", access_log=True)
    await found_province(suite, client)
    yield client
    assert not said.closed  # the services write until they have stopped


def readable(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


@pytest.mark.clause("A21.2")
@pytest.mark.feature("API13")
async def test_a_persons_data_are_in_clear_nowhere_but_in_an_audited_disclosure(
    suite: Suite, platform: httpx.AsyncClient, said: io.BytesIO
):
    city, operator = Caller(suite, platform, NANCHANG), Caller(suite, platform, OPERATOR)
    named = await city.post("/v1/responsible-persons", PERSON)
    assert named.status_code == 201, named.text
    path = named.headers["location"]
    answers = [
        named,
        await city.get(path),
        await operator.get("/v1/responsible-persons", organisation="city-360100"),
        await operator.get("/v1/responsible-persons", phone=PHONE),
        await city.post("/v1/responsible-persons", {**PERSON, "domain": "NOT A DOMAIN"}),
        await city.put(path, {**PERSON, "phone": named.json()["phone"]}),
        await Caller(suite, platform, JIUJIANG).get(path),
    ]
    disclosed = await operator.post(f"{path}/disclosure", {"reason": "紧急下架核实联系人"})

    async def told() -> bool:
        rows = await suite.sql("catalog", "select 1 from outbox where sent_at is null")
        return not rows

    await eventually(told)
    stored = [
        " ".join(map(readable, row.values()))
        for schema in ("catalog", "filing", "gateway", "monitoring")
        for table in await suite.sql(
            schema, "select tablename as name from pg_tables where schemaname = $1", schema
        )
        for row in await suite.sql(schema, f'select * from {schema}."{table["name"]}"')  # noqa: S608 names from the catalogue
    ]
    broker = suite.servers.nats.users[BROKER_OPERATOR]
    stream = await nats_client.connect(broker.url, inbox_prefix=broker.inbox_prefix.encode())
    try:
        info = await stream.jetstream().stream_info(STREAM)
        messages = [
            str((await stream.jetstream().get_msg(STREAM, seq=number)).data)
            for number in range(info.state.first_seq, info.state.last_seq + 1)
        ]
    finally:
        await stream.close()
    suite.apps["gateway"].state.tools.log.flush()
    async with httpx.AsyncClient() as plain:
        metrics = [(await plain.get(f"{url}/metrics")).text for url in suite.urls.values()]

    places = {
        "answers": [answer.text for answer in answers],
        "logs": said.getvalue().decode().splitlines(),
        "rows": stored,
        "stream": messages,
        "metrics": metrics,
    }
    assert {name: len(texts) > 0 for name, texts in places.items()} == dict.fromkeys(places, True)
    found = [
        (name, text[:200])
        for name, texts in places.items()
        for text in texts
        if NAME in text or PHONE in text
    ]
    assert found == []
    assert any("/v1/responsible-persons" in line for line in places["logs"])
    assert answers[3].json()["total"] == 1
    assert answers[5].json()["errors"][0]["code"] == "masked_value_refused"
    assert disclosed.json()["phone"] == PHONE
    audit = await Caller(suite, platform, PROVINCE).get("/v1/catalog/audit", limit=100)
    assert "紧急下架核实联系人" in audit.text
    sys.stderr.write(f"places searched: { {name: len(each) for name, each in places.items()} }\n")


@pytest.mark.feature("API7")
async def test_a_call_is_found_in_the_log_by_its_name_and_its_trace(
    suite: Suite, platform: httpx.AsyncClient, said: io.BytesIO
):
    trace, request_id = uuid.uuid4().hex, f"city-{uuid.uuid4().hex[:12]}"
    names = {"X-Request-Id": request_id, "traceparent": f"00-{trace}-{'c' * 16}-01"}

    answer = await platform.get(
        "/v1/filings?organisation=city-360100", headers={**suite.headers(NANCHANG), **names}
    )
    suite.apps["gateway"].state.tools.log.flush()

    lines = [json.loads(line) for line in said.getvalue().decode().splitlines() if trace in line]
    assert answer.status_code == 200
    (line,) = [each for each in lines if each["event"] == "request"]
    assert (line["request_id"], line["trace_id"]) == (request_id, trace)
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v1/filings", 200)
    assert line["client_id"] == NANCHANG.client_id
