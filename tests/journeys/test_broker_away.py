"""Without a broker writes are kept, and the backlog is shown with its age (CON7)."""

from typing import Any

import httpx
import pytest

from deploy.local.state import free_port
from tests.province import Caller
from tests.suite import PROVINCE, Suite, eventually

REGIONS = "id,name,level,parent,gb2260\n36,江西省,province,,360000\n"


@pytest.fixture(scope="module")
async def catalog(suite: Suite) -> str:
    """catalog alone, told of a broker where none listens."""
    return await suite.serve("catalog", nats_url=f"nats://catalog:x@127.0.0.1:{free_port()}")


async def gauge(client: httpx.AsyncClient, name: str) -> float:
    text = (await client.get("/metrics")).text
    (value,) = [
        line.rpartition(" ")[2]
        for line in text.splitlines()
        if line.startswith(f'{name}{{service="catalog"}} ')
    ]
    return float(value)


@pytest.mark.feature("CON7")
async def test_writes_go_on_and_what_is_untold_is_counted_with_its_age(suite: Suite, catalog: str):
    async with httpx.AsyncClient(base_url=catalog) as client:
        province = Caller(suite, client, PROVINCE)
        job = await province.csv("/v1/imports/regions", REGIONS)
        assert job.status_code == 202, job.text

        async def done() -> Any:
            shown = await province.get(job.headers["location"])
            return shown.json()["state"] not in ("PENDING", "RUNNING")

        await eventually(done)
        kept = await suite.sql("catalog", "select 1 from outbox where sent_at is null")

        async def counted() -> Any:
            return await gauge(client, "gft_outbox_unsent") == len(kept)

        await eventually(counted, within=20)
        age = await gauge(client, "gft_outbox_oldest_seconds")
        ready = await client.get("/readyz")
        regions = await province.get("/v1/regions")

    assert len(kept) > 0
    assert 0 < age < 60
    assert ready.status_code == 200
    assert regions.json()["items"][0]["id"] == "36"
