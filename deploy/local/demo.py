"""Loads the demo province through the public API, as its clients would, and then shows the page.

Every call carries a key that follows from what it does, so a load that was interrupted goes on.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import httpx

from deploy.local import page, province
from deploy.local.caller import Caller, CallRefused, Gateway
from deploy.local.clock import clock_of
from deploy.local.officers import OFFICERS, groups_of, scopes_of
from deploy.local.place import (
    BOOTSTRAP_CLIENT,
    COMPONENTS,
    HOST,
    Place,
    other_data,
    record_client,
)
from deploy.local.progress import Progress
from deploy.local.province import DemoListing
from deploy.local.stand_in import Behaviour
from deploy.local.state import LaunchError, readable_errors, write_private
from shared.clock import SHANGHAI
from shared.security.canonical import digest
from shared.security.identity import Role

STEP = 3
SAY_EVERY = 2.0  # seconds
PATIENCE = 120.0  # seconds until everything that was accepted is live
CONSOLE = "demo"
MINI_APP = "mini-app"
RECORD = "events:read"  # all that a component needs to read what the others have told
RECORD_CLIENTS = {record_client(component): component for component in COMPONENTS}
WIDTH = 32  # chains of calls at a time; the gateway's caller bounds what is in flight

Row = TypeVar("Row")


def demonstrate(place: Place, progress: Progress, *, wanted: int, nats_url: str) -> None:
    """Load what is not there yet and print the page; LaunchError says why it could not."""
    try:
        count = asyncio.run(_prepared(place, progress, wanted=wanted))
    except httpx.TransportError as error:
        raise LaunchError(
            f"演示数据加载失败：网关没有应答（{error}）",
            f"the demo's data: the gateway does not answer ({error})",
        ) from error
    print(page.render(place, seconds=progress.seconds, listings=count, nats_url=nats_url))


async def _prepared(place: Place, progress: Progress, *, wanted: int) -> int:
    """Load what is missing; how many services are public."""
    mark = place.state.root / "demo.json"
    known = json.loads(mark.read_text(encoding="utf-8")) if mark.exists() else {}
    async with Gateway(place.gateway) as gateway:
        if not known.get("complete"):
            known = _begun(place, known, wanted=wanted)
            with readable_errors(mark):
                write_private(mark, json.dumps(known))
            progress.step(STEP, "加载演示省份 · loading the demo province")
            load = Load(
                place=place,
                gateway=gateway,
                progress=progress,
                listings=province.choose(province.read().listings, wanted),
                began_at=datetime.fromisoformat(known["began_at"]),
                run=known["fingerprint"],
            )
            await load.everything()
            with readable_errors(mark):
                write_private(mark, json.dumps({**known, "complete": True}))
        return await _public(place, gateway)


def _begun(place: Place, known: Mapping[str, Any], *, wanted: int) -> dict[str, Any]:
    """When this load began and of which tables: an interrupted one goes on as it was."""
    found = province.fingerprint(wanted)
    if known and known["fingerprint"] != found:
        raise LaunchError(
            "上次加载未完成，且演示数据已改变：请先运行 make reset",
            "an unfinished load, and the demo's tables have changed since: run make reset",
        )
    began = clock_of(place.state).now().astimezone(SHANGHAI).replace(microsecond=0)
    return {"fingerprint": found, "began_at": began.isoformat(), **known}


async def _public(place: Place, gateway: Gateway) -> int:
    """As the mini-app sees it; it also shows that database and state folder belong together."""
    clients = json.loads(place.clients_file.read_text(encoding="utf-8"))
    mini_app = Caller(gateway, MINI_APP, clients[MINI_APP]["client_secret"])
    try:
        return await _total(mini_app)
    except CallRefused as refused:
        if refused.status != 401:
            raise
        raise other_data() from refused


async def _total(caller: Caller) -> int:
    return int((await caller.get("/v1/listings", limit=1)).json()["total"])


@dataclass
class Load:
    """One load: who calls, what is loaded, and how far it has come."""

    place: Place
    gateway: Gateway
    progress: Progress
    listings: list[DemoListing]
    began_at: datetime
    run: str
    clients: dict[str, dict[str, str]] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)

    async def everything(self) -> None:
        """What depends on what: clients and registers, then yearly lists, then listings."""
        secret = self.place.bootstrap_secret_file.read_text(encoding="utf-8").strip()
        self.callers[BOOTSTRAP_CLIENT] = Caller(self.gateway, BOOTSTRAP_CLIENT, secret)
        async with self._counting("客户端与目录", "clients and registers") as count:
            await asyncio.gather(self._clients(count), self._registers(count))
        owners = province.read().owners(self.listings)
        async with self._counting("年度清单", "yearly lists", total=len(owners)) as count:
            await _each(owners, lambda owner: self._plan(owner, count))
        async with self._counting("服务上线", "listings", total=len(self.listings)) as count:
            await _each(self.listings, lambda listing: self._list(listing, count))
        await self._wait_until_live()

    @property
    def admin(self) -> Caller:
        return self.callers[BOOTSTRAP_CLIENT]

    def _key(self, *parts: str) -> str:
        return ":".join((f"demo-{self.run}", *parts))[:128]

    # --- clients ----------------------------------------------------------------------------------

    async def _clients(self, count: "Count") -> None:
        """One for each organisation that files or confirms, and those of the platform's parts."""
        file = self.place.clients_file
        if file.exists():
            self.clients = json.loads(file.read_text(encoding="utf-8"))
        wanted = self._wanted_clients()
        await _each(wanted, lambda row: self._client(row, count))
        for client_id, component in RECORD_CLIENTS.items():
            secret_file = self.place.record_secret_file(component)
            with readable_errors(secret_file):
                write_private(secret_file, self.clients[client_id]["client_secret"])
        self.callers |= {
            client_id: Caller(self.gateway, client_id, row["client_secret"])
            for client_id, row in self.clients.items()
        }
        await self._officers()

    def _wanted_clients(self) -> list[dict[str, Any]]:
        known = province.read()
        confirmers = {known.confirmer(listing) for listing in self.listings} - {None}
        names = {*known.owners(self.listings), *confirmers, *province.WALK_THROUGH}
        rows = [
            (each.id, each.id, each.role, each.region)
            for each in known.organisations.values()
            if each.id in names
        ]
        rows += [
            (MINI_APP, province.OPERATOR, Role.APP, "36"),
            (f"console-{CONSOLE}", province.OPERATOR, Role.CONSOLE, "36"),
            *((name, province.OPERATOR, Role.CONSOLE, "36") for name in RECORD_CLIENTS),
        ]
        return [
            {
                "client_id": client_id,
                "organisation_id": organisation,
                "role": role.value,
                "region": region,
                "scopes": [RECORD] if client_id in RECORD_CLIENTS else sorted(scopes_of(role)),
                "groups": sorted(groups_of(role)),
            }
            for client_id, organisation, role, region in rows
        ]

    async def _officers(self) -> None:
        """Persons of the operator may do what their grant says (A9.2)."""
        for each in OFFICERS:
            if groups := groups_of(each.role):
                grant = {
                    "subject": each.id,
                    "organisation_id": each.organisation,
                    "groups": sorted(groups),
                }
                key = self._key("grant", each.id)
                await self.admin.post("/v1/person-grants", grant, key=key)

    async def _client(self, row: Mapping[str, Any], count: "Count") -> None:
        """Register it; one whose secret an interrupted load did not keep gets a new secret."""
        client_id = row["client_id"]
        if client_id not in self.clients:
            try:
                answer = await self.admin.post(
                    "/v1/clients", row, key=self._key("client", client_id)
                )
            except CallRefused as refused:
                if refused.code not in {"client_exists", "answer_not_kept"}:
                    raise
                answer = await self.admin.post(
                    f"/v1/clients/{client_id}/secrets", {"grace_hours": 0}, key=str(uuid.uuid4())
                )
            issued = answer.json()
            shown = ("organisation_id", "role", "region", "client_secret")
            self.clients[client_id] = {name: issued[name] for name in shown}
            with readable_errors(self.place.clients_file):
                ordered = json.dumps(dict(sorted(self.clients.items())), indent=1)
                write_private(self.place.clients_file, ordered)
        count.add()

    # --- registers --------------------------------------------------------------------------------

    async def _registers(self, count: "Count") -> None:
        await asyncio.gather(*(self._calendar(year) for year in province.YEARS))
        await self._console()
        await self._allow_plain_http()
        for resource in province.IMPORTS:
            await self._import(resource)
            count.add()

    async def _calendar(self, year: int) -> None:
        await self.admin.call(
            "PUT",
            f"/v1/calendar/{year}",
            json=province.calendar_year(year),
            headers={"If-Match": "*"},
        )

    async def _console(self) -> None:
        """The demo console's own durable consumer, from the first event on (CON3)."""
        asked = {"name": CONSOLE, "filter_subjects": ["events.*.>"]}
        try:
            await self.admin.post("/v1/event-consumers", asked, key=self._key("console", CONSOLE))
        except CallRefused as refused:
            if refused.code != "consumer_exists":
                raise

    async def _allow_plain_http(self) -> None:
        """The stand-in for department systems speaks plain http on the loopback address."""
        await self.admin.post(
            "/v1/filing/policies/plain_http_hosts",
            {
                "value": HOST,
                "source": "demo: stand-in on this machine",
                "effective_from": self.began_at.date().isoformat(),
            },
            key=self._key("policy", "plain_http_hosts"),
        )

    async def _import(self, resource: str) -> None:
        answer = await self.admin.post(
            f"/v1/imports/{resource}",
            province.import_file(resource),
            key=self._key("import", resource),
            headers={"Content-Type": "text/csv; charset=utf-8"},
        )
        job = answer.json()
        while job["state"] in ("PENDING", "RUNNING"):
            await asyncio.sleep(0.05)
            job = (await self.admin.get(f"/v1/import-jobs/{job['id']}")).json()
        if job["state"] != "DONE" or job["failed"]:
            first = json.dumps(job["errors"][:1], ensure_ascii=False)
            raise LaunchError(
                f"演示数据加载失败：{resource} 有 {job['failed']} 行错误 {first}",
                f"the demo's data: {job['failed']} bad rows in {resource} {first}",
            )

    # --- filings ----------------------------------------------------------------------------------

    async def _plan(self, owner: str, count: "Count") -> None:
        """The yearly list of one organisation, filed and accepted (A10.2)."""
        lines = [
            {
                "item_code": listing.item,
                "hall_id": listing.hall,
                "kind": listing.kind,
                "planned_on": self.began_at.date().isoformat(),
                "note": "",
            }
            for listing in self.listings
            if listing.organisation == owner
        ]
        filed = await self.callers[owner].post(
            f"/v1/listing-plans?year={self.began_at.year}",
            {"lines": lines},
            key=self._key("plan", owner),
        )
        await self._accept(filed.json()["id"])
        count.add()

    async def _list(self, listing: DemoListing, count: "Count") -> None:
        """Filed with its self-test report, confirmed, accepted (A10.3, A11.1, A11.2)."""
        known = province.read()
        owner = self.callers[listing.organisation]
        content = listing.content(host=self._host(listing), norm=known.norm)
        filed = await owner.post(
            "/v1/filings",
            {
                "filing_type": "LISTING",
                "content": content,
                "self_test": self._self_test(digest(content)),
                "submit": True,
            },
            key=self._key("listing", listing.key),
        )
        filing_id = filed.json()["id"]
        confirmer = known.confirmer(listing)
        if confirmer is not None:
            await self.callers[confirmer].post(
                f"/v1/filings/{filing_id}/confirmation",
                {"opinion": "同意上线（演示）"},
                key=self._key("confirm", listing.key),
            )
        await self._accept(filing_id)
        count.add()

    def _host(self, listing: DemoListing) -> str:
        """Where its department's system stands in."""
        odd = province.behaviours().get(listing.entry_path)
        return self.place.stand_in_expired if odd is Behaviour.EXPIRED else self.place.stand_in

    def _self_test(self, tested: str) -> dict[str, Any]:
        known = province.read()
        return {
            "digest": tested,
            "norm_version": known.norm,
            "environment": "演示环境",
            "cases": [{"name": each, "result": "PASS"} for each in known.checklist],
            "result": "PASS",
            "signed_by": "演示测试岗",
            "signed_at": self.began_at.isoformat(),
        }

    async def _accept(self, filing_id: str) -> None:
        await self.callers[province.PROVINCE].post(
            f"/v1/filings/{filing_id}/acceptance",
            {"opinion": "收悉（演示）"},
            key=self._key("accept", filing_id),
        )

    async def _wait_until_live(self) -> None:
        total = len(self.listings)
        deadline = time.monotonic() + PATIENCE
        async with self._counting("等待公开", "waiting until public", total=total) as count:
            while count.done < total:
                count.done = await _total(self.callers[MINI_APP])
                if time.monotonic() > deadline:
                    raise LaunchError(
                        f"已收悉的服务在 {PATIENCE:.0f} 秒内未全部公开：{count.done}/{total}",
                        f"not all public within {PATIENCE:.0f} s: {count.done} of {total}",
                    )
                await asyncio.sleep(0.2)

    # --- what is said -----------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _counting(
        self, zh: str, en: str, *, total: int | None = None
    ) -> AsyncIterator["Count"]:
        """Say every two seconds how far it has come."""
        count = Count()

        def say() -> None:
            of = "" if total is None else f"/{total}"
            self.progress.step(STEP, f"{zh} · {en}: {count.done}{of}")

        async def ticking() -> None:
            while True:
                await asyncio.sleep(SAY_EVERY)
                say()

        ticks = asyncio.create_task(ticking())
        try:
            yield count
            say()
        finally:
            ticks.cancel()
            await asyncio.gather(ticks, return_exceptions=True)


@dataclass
class Count:
    done: int = 0

    def add(self) -> None:
        self.done += 1


async def _each(rows: Iterable[Row], work: Callable[[Row], Awaitable[None]]) -> None:
    """Work on all rows, some at a time; the first error ends the others."""
    places = asyncio.Semaphore(WIDTH)

    async def one(row: Row) -> None:
        async with places:
            await work(row)

    tasks = [asyncio.create_task(one(row)) for row in rows]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
