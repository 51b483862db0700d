"""The small service, and the door before it."""

from collections.abc import Iterator

import pytest
import uvicorn

from tests.gateway.door import Door, Service, around, upstream_at
from tests.shared.http.live import serving


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
