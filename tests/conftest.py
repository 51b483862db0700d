"""Real servers for every test process: Postgres and NATS on free ports, ended by pid at the end."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.suite import Servers, Suite, open_servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Postgres with a migrated template database, and NATS with JetStream."""
    with open_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture(scope="module")
async def suite(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """A database of the module's own, an empty stream, and a way to start services on them."""
    folder: Path = tmp_path_factory.mktemp("suite")
    async with Suite(servers, folder) as made:
        yield made
