"""`python -m bench.probing CONFIG`: one target probed again and again by so many at once.

`own` is the service's prober with its conditions, `httpx` what is written at first. What it used
is counted around the probes alone.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import httpx
import uvloop

from services.monitoring.clients.outcome import Limits
from services.monitoring.clients.prober import Prober
from services.monitoring.clients.resolving import SystemResolver
from services.monitoring.clients.web import client_context
from services.monitoring.rules.addresses import read_allowed
from services.monitoring.rules.conditions import failures, parse
from services.monitoring.rules.targets import read_target

AT_ONCE = 16
WARM = 50
CONDITIONS = ("[STATUS] == 200", "[BODY] == pat(*UP*)")  # what the peer looks at
LIMITS = Limits(total=5)
Probe = Callable[[], Awaitable[bool]]


def own(given: dict[str, Any]) -> Probe:
    resolver = SystemResolver()
    prober = Prober(resolver, (read_allowed("127.0.0.0/8"),), client_context(given["authority"]))
    target = read_target(given["url"])
    fresh = given["fresh"]

    async def probe() -> bool:
        outcome = await prober.probe(target, limits=LIMITS, fresh=fresh)
        told = failures([parse(each) for each in CONDITIONS], outcome.seen)
        return outcome.error is None and not told

    return probe


def by_httpx(given: dict[str, Any]) -> Probe:
    tls = client_context(given["authority"])

    async def probe() -> bool:
        async with httpx.AsyncClient(verify=tls) as client:
            answer = await client.get(given["url"])
        return answer.status_code == 200 and answer.json()["status"] == "UP"

    return probe


async def main(given: dict[str, Any]) -> None:
    probe = {"own": own, "httpx": by_httpx}[given["by"]](given)
    wrong = 0

    async def again(until: Callable[[], bool]) -> int:
        nonlocal wrong
        done = 0
        while not until():
            wrong += not await probe()
            done += 1
        return done

    left = iter(range(WARM))
    await again(lambda: next(left, None) is None)
    begun, used = perf_counter(), process_time()
    end = begun + given["seconds"]
    counts = await asyncio.gather(*(again(lambda: perf_counter() > end) for _ in range(AT_ONCE)))
    told = {
        "done": sum(counts),
        "wrong": wrong,
        "seconds": perf_counter() - begun,
        "cpu": process_time() - used,
    }
    output = Path(given["output"])
    await asyncio.to_thread(output.write_text, json.dumps(told), "utf-8")


if __name__ == "__main__":
    uvloop.run(main(json.loads(Path(sys.argv[1]).read_text("utf-8"))))
