"""A relay or an inbox in a process of its own, which kills itself at a named point.

`python -m tests.shared.messaging.process relay|inbox <point>`; the world comes as JSON on stdin.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from shared.clock import SystemClock
from shared.database import Database
from shared.messaging.broker import Broker
from shared.messaging.inbox import Inbox
from shared.messaging.relay import Relay
from tests.shared.messaging.world import BASE, HANDLERS


async def _main(part: str, fatal: str, world: dict[str, str]) -> None:
    async def die(point: str) -> None:
        if point == fatal:
            Path(world["mark"]).write_text(point)  # noqa: ASYNC240 its last act
            os.kill(os.getpid(), signal.SIGKILL)

    broker = Broker(world["url"], name=part, inbox_prefix=world["inbox_prefix"])
    await broker.start()
    if part == "relay":
        await Relay(
            broker, dsn=world["dsn"], schema="filing", clock=SystemClock(), base=BASE, failpoint=die
        ).run()
    else:
        database = Database(world["dsn"], schema="catalog", clock=SystemClock())
        await Inbox(broker, database, service="catalog", handlers=HANDLERS, failpoint=die).run()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], json.load(sys.stdin)))
