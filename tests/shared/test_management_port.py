"""Probes and figures on a port of their own: nobody else finds them, and they outlast a drain."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from deploy.local.state import free_port
from tests.suite import Suite, eventually

OWN = ("/livez", "/readyz", "/metrics")


@asynccontextmanager
async def serving(
    suite: Suite, **changes: Any
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A process of catalog as a cluster starts it, and the URL of its API."""
    port, settings = free_port(), suite.values("catalog", **changes)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GFT_")}
    environ |= {f"GFT_{name.upper()}": str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.serve", "catalog", str(port)), env=environ
    )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def answer(url: str, **headers: str) -> httpx.Response | None:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        try:
            return await client.get(url, headers=headers)
        except httpx.TransportError:
            return None


@pytest.mark.feature("OPS4")
@pytest.mark.feature("OPS8")
async def test_with_a_port_of_their_own_probes_and_figures_answer_there_alone(suite: Suite):
    port = free_port()
    own = f"http://127.0.0.1:{port}"
    changes = {"management_port": port, "drain_seconds": 2, "allowed_hosts": '["127.0.0.1"]'}

    async with serving(suite, **changes) as (process, public):

        async def status() -> int | None:
            found = await answer(f"{own}/readyz", host="10.1.2.3:9000")
            return found.status_code if found is not None else None

        async def ready() -> bool:
            return await status() == 200

        async def draining() -> bool:
            return await status() == 503

        await eventually(ready, within=60)
        inside = [await answer(f"{own}{path}") for path in OWN]
        outside = [await answer(f"{public}{path}") for path in OWN]
        api = [await answer(f"{url}/openapi.json") for url in (public, own)]
        process.terminate()
        await eventually(draining, within=30)
        code = await asyncio.wait_for(process.wait(), 60)

    assert [each and each.status_code for each in inside] == [200] * 3
    assert [each and each.json()["code"] for each in outside] == ["not_found"] * 3
    assert [each and each.status_code for each in api] == [200, 404]
    assert code == 0
