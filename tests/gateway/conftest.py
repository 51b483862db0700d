"""A small service with the door before it, and the whole platform with one listing."""

from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from tests.gateway.door import Door, Service, around, upstream_at
from tests.province import Caller, found_province, listed, plan
from tests.shared.http.live import serving
from tests.suite import LABOUR, PROVINCE, Suite


@pytest.fixture
def service() -> Iterator[tuple[Service, int]]:
    app = Service()
    bare = uvicorn.Config(app, http="httptools", proxy_headers=False, log_level="warning")
    with serving(bare) as port:
        yield app, port


@pytest.fixture
def through(service: tuple[Service, int]) -> Iterator[tuple[Door, int]]:
    door = Door(upstream_at(f"127.0.0.1:{service[1]}"), headers=[(b"x-actor", b"city-360100")])
    with serving(around(door)) as port:
        yield door, port


@pytest.fixture(scope="module")
async def platform(suite: Suite) -> httpx.AsyncClient:
    client = await suite.serve_all()
    await found_province(suite, client)
    await plan(suite, client, LABOUR, "demo-rst-001")
    await listed(suite, client, LABOUR, "demo-rst-001")
    return client


@pytest.fixture
def province(suite: Suite, platform: httpx.AsyncClient) -> Caller:
    return Caller(suite, platform, PROVINCE)
