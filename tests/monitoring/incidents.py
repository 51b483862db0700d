"""Incidents that a unit records itself, for the tests of what is done about them."""

from datetime import timedelta
from typing import Any

from shared.security.identity import Actor
from tests.monitoring.world import World
from tests.suite import LABOUR

ENTRY = "https://entry.example.invalid/a"


def account(world: World, *, minutes_ago: float = 5, **changes: Any) -> dict[str, Any]:
    """What a unit says of a fault that it detected so many minutes ago."""
    detected = world.suite.clock.now() - timedelta(minutes=minutes_ago)
    return {
        "kind": "FAULT",
        "listing_id": None,
        "summary": "支付环节失败，窗口反映。",
        "started_at": (detected - timedelta(minutes=1)).isoformat(),
        "detected_at": detected.isoformat(),
        **changes,
    }


async def recorded(world: World, by: Actor = LABOUR, **changes: Any) -> dict[str, Any]:
    answer = await world.post("/v1/incidents", account(world, **changes), by)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def major(world: World, by: Actor = LABOUR, **changes: Any) -> dict[str, Any]:
    """One that the matrix calls major, because data were lost."""
    return await recorded(world, by, **{"data_loss": True, **changes})


def path_of(incident: dict[str, Any], *parts: str) -> str:
    return "/".join(("/v1/incidents", incident["id"], *parts))


async def actions(world: World, incident: dict[str, Any]) -> list[str]:
    found = await world.items(path_of(incident, "timeline"), limit=100)
    return [each["action"] for each in found]


async def clocks(world: World, incident: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = await world.items(path_of(incident, "clocks"))
    return {each["report"]: each for each in found}


def closure(world: World, **changes: Any) -> dict[str, Any]:
    now = world.suite.clock.now()
    return {"resolved_at": now.isoformat(), "reason": "已恢复。", **changes}
