"""A running catalog with a small province in it, for each module that asks."""

from collections.abc import AsyncIterator

import pytest

from tests.catalog.province import Catalog
from tests.suite import Suite


@pytest.fixture(scope="module")
async def catalog(suite: Suite) -> AsyncIterator[Catalog]:
    """The service, its register filled through its own imports."""
    made = Catalog(suite, await suite.start("catalog"))
    await made.fill()
    yield made
    suite.clock.reset()
