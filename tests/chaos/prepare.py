"""What must exist before the first filing, made through the gateway as a person would."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx

from deploy.local import province
from deploy.local.caller import Caller, Gateway
from deploy.local.officers import scopes_of
from shared.clock import SHANGHAI
from shared.security.identity import Role
from tests.chaos.world import FIRST_CLIENT

DEPARTMENT: Final = "jx-rst"
ITEM: Final = "demo-rst-001"
_READY_WITHIN: Final = 60.0  # seconds
_ROWS: Final = {
    "regions": ("36",),
    "organisations": ("jx-zwfw", DEPARTMENT),
    "halls": ("hall-36",),
    "zones": ("zone-rst",),
    "norms": ("platform-technical-norm",),
    "items": (ITEM,),
}


@dataclass(frozen=True)
class Prepared:
    """What the clients of the workload need."""

    filer: tuple[str, str]
    province: tuple[str, str]
    template: Mapping[str, Any]
    checklist: list[str]


async def prepare(gateway_url: str, first_secret: str) -> Prepared:
    """Registers, one API client of a provincial department, and its accepted yearly list."""
    await _until_ready(gateway_url)
    async with Gateway(gateway_url) as gateway:
        admin = Caller(gateway, FIRST_CLIENT, first_secret)
        for resource, ids in _ROWS.items():
            await _import(admin, resource, _only(province.import_file(resource), ids))
        issued = await admin.post(
            "/v1/clients",
            {
                "client_id": DEPARTMENT,
                "organisation_id": DEPARTMENT,
                "role": Role.DEPARTMENT.value,
                "region": "36",
                "scopes": sorted(scopes_of(Role.DEPARTMENT)),
            },
            key="prepare-client",
        )
        secret = issued.json()["client_secret"]
        known = province.read()
        listing = next(each for each in known.listings if each.item == ITEM)
        content = listing.content(host="https://entry.example.invalid", norm=known.norm)
        await _plan(Caller(gateway, DEPARTMENT, secret), admin, content)
    return Prepared(
        filer=(DEPARTMENT, secret),
        province=(FIRST_CLIENT, first_secret),
        template=content,
        checklist=list(known.checklist),
    )


async def _until_ready(gateway_url: str) -> None:
    """Until the gateway answers and reaches both services."""
    async with httpx.AsyncClient(base_url=gateway_url, timeout=3, trust_env=False) as http:
        async with asyncio.timeout(_READY_WITHIN):
            while not await _answers(http):  # noqa: ASYNC110 another process becomes ready
                await asyncio.sleep(0.1)


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


async def _import(admin: Caller, resource: str, table: bytes) -> None:
    answer = await admin.post(
        f"/v1/imports/{resource}",
        table,
        key=f"prepare-{resource}",
        headers={"Content-Type": "text/csv; charset=utf-8"},
    )
    job = answer.json()
    while job["state"] in ("PENDING", "RUNNING"):
        await asyncio.sleep(0.05)
        job = (await admin.get(f"/v1/import-jobs/{job['id']}")).json()
    if job["state"] != "DONE" or job["failed"]:
        raise RuntimeError(f"{resource}: {job['failed']} bad rows, the first {job['errors'][:1]}")


async def _plan(owner: Caller, admin: Caller, content: Mapping[str, Any]) -> None:
    """The yearly list with the one item that is filed over and over (A10.2)."""
    year = datetime.now(SHANGHAI).year
    line = {
        "item_code": content["item_code"],
        "hall_id": content["hall_id"],
        "kind": content["kind"],
        "planned_on": f"{year}-12-31",
        "note": "",
    }
    filed = await owner.post(
        f"/v1/listing-plans?year={year}", {"lines": [line]}, key="prepare-plan"
    )
    filing = filed.json()["id"]
    await admin.post(f"/v1/filings/{filing}/acceptance", {"opinion": "收悉"}, key="prepare-accept")


def _only(table: bytes, ids: tuple[str, ...]) -> bytes:
    """The rows of these ids, under the head of their table."""
    head, *rows = table.splitlines(keepends=True)
    return head + b"".join(row for row in rows if row.split(b",")[0].decode() in ids)
