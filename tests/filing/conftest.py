"""One furnished filing service for each test module."""

import pytest

from tests.filing.world import MONDAY, World
from tests.suite import Suite


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    """The service on a database of its own, on a Monday morning of an official year."""
    suite.clock.set(MONDAY)
    await suite.name_officers()
    made = World(suite, await suite.start("filing"))
    await made.furnish()
    return made


@pytest.fixture(autouse=True)
def _monday(suite: Suite) -> None:
    """Each test begins on the same Monday."""
    suite.clock.set(MONDAY)
