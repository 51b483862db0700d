"""A service's part in the events, as `create_app` runs it."""

import asyncio

import pytest
import structlog

from shared.messaging.handling import Handlers
from shared.messaging.service import Messaging
from shared.settings import Settings
from tests.shared.messaging.world import HANDLERS, World
from tests.suite import eventually


def messaging(world: World, name: str, handlers: Handlers) -> Messaging:
    user = world.nats.users[name]
    settings = Settings.model_validate(
        {
            "profile": "test",
            "database_url": world.dsn,
            "nats_url": user.url,
            "nats_inbox_prefix": user.inbox_prefix,
            "nats_monitor_url": world.nats.monitor_url,
        }
    )
    return Messaging(name, settings, world.database(name), handlers, structlog.get_logger())


@pytest.mark.feature("E2")
async def test_two_services_tell_and_hear_from_start_to_stop(world: World):
    await world.delete_stream()
    filing = messaging(world, "filing", {})
    catalog = messaging(world, "catalog", HANDLERS)

    async with filing.running(), catalog.running():
        await world.tell("p1", "南昌", "九江", database=filing._database)
        await eventually(lambda: world.sql("catalog", "select 1 from effects having count(*) = 2"))
    held = await world.sql("filing", "select 1 from pg_locks where locktype = 'advisory'")

    assert held == []
    assert filing.broker.client.is_closed
    assert [task for task in asyncio.all_tasks() if "messaging" in repr(task.get_coro())] == []
