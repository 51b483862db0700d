"""A small real province for tests: a few organisations, halls and items, through the public API."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import httpx

from shared.security.identity import Actor, Role
from tests.suite import HEALTH_INSURANCE, LABOUR, NANCHANG, PROVINCE, Suite, eventually

REGIONS = """id,name,level,parent,gb2260
36,江西省,province,,360000
360100,南昌市,city,36,360100
360400,九江市,city,36,360400
36GJ00,赣江新区,new_area,36,
360102,东湖区,county,360100,360102
"""
ORGANISATIONS = """id,name,short_name,kind,region,parent
jx-zwfw,江西省人民政府办公厅（江西省政务服务管理办公室）,省政务服务办,PROVINCIAL_AUTHORITY,36,
jx-rst,江西省人力资源和社会保障厅,省人社厅,PROVINCIAL_DEPARTMENT,36,jx-zwfw
jx-ybj,江西省医疗保障局,省医保局,PROVINCIAL_DEPARTMENT,36,jx-zwfw
city-360100,南昌市人民政府办公室,南昌市政府办,CITY_AUTHORITY,360100,jx-zwfw
city-360400,九江市人民政府办公室,九江市政府办,CITY_AUTHORITY,360400,jx-zwfw
city-36gj00,赣江新区管理委员会办公室,赣江新区管委会办,CITY_AUTHORITY,36GJ00,jx-zwfw
county-360102,东湖区政务服务主管部门,东湖区主管部门,COUNTY_AUTHORITY,360102,city-360100
operator,赣服通平台运营机构（演示）,运营机构,OPERATOR,36,jx-zwfw
"""
HALLS = """id,name,level,region,organisation,parent
hall-36,赣服通省级主厅,province,36,jx-zwfw,
hall-360100,南昌分厅,city,360100,city-360100,hall-36
hall-360400,九江分厅,city,360400,city-360400,hall-36
hall-360102,东湖分厅,county,360102,county-360102,hall-360100
"""
ZONES = "id,name,hall,department\nzone-rst,人社专区,hall-36,jx-rst\n"
NORMS = (
    "id,title,version,effective_from,checklist\n"
    "norm-demo,平台技术管理规范（演示）,demo-1.0,2025-08-04,查询走通;投诉入口可用\n"
)
ITEMS = """code,code_scheme,name,item_type,level,department,audiences,initiation,summary,keywords
demo-rst-001,demo,社会保险个人权益记录查询,20,7,jx-rst,1,ON_APPLICATION,查询个人社保记录。,社保
demo-rst-002,demo,失业登记,20,7,jx-rst,1,ON_APPLICATION,办理失业登记。,失业;就业
demo-ybj-001,demo,医保参保信息查询,20,7,jx-ybj,1,ON_APPLICATION,查询医保参保信息。,医保
"""
CSVS = {
    "regions": REGIONS,
    "organisations": ORGANISATIONS,
    "halls": HALLS,
    "zones": ZONES,
    "norms": NORMS,
    "items": ITEMS,
}


class Caller:
    """One actor's calls through one client, with keys and versions carried along."""

    def __init__(self, suite: Suite, client: httpx.AsyncClient, who: Actor) -> None:
        self._suite, self._client, self.who = suite, client, who

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self._client.get(path, params=params, headers=self._suite.headers(self.who))

    async def post(
        self, path: str, body: Any = None, *, match: str | None = None, **headers: str
    ) -> httpx.Response:
        more = {"If-Match": match} if match is not None else {}
        return await self._client.post(
            path, json=body, headers=self._suite.headers(self.who, **more, **headers)
        )

    async def put(self, path: str, body: Any, *, match: str = "*") -> httpx.Response:
        return await self._client.put(
            path, json=body, headers=self._suite.headers(self.who, **{"If-Match": match})
        )

    async def csv(self, path: str, text: str, **params: Any) -> httpx.Response:
        return await self._client.post(
            path,
            params=params,
            content=text.encode(),
            headers=self._suite.headers(self.who, **{"Content-Type": "text/csv"}),
        )


async def found_province(suite: Suite, client: httpx.AsyncClient) -> None:
    """Import the small province and wait until filing knows it."""
    province = Caller(suite, client, PROVINCE)
    for resource, text in CSVS.items():
        started = await province.csv(f"/v1/imports/{resource}", text)
        assert started.status_code == 202, started.text

        async def done(location: str = started.headers["location"]) -> Any:
            job = (await province.get(location)).json()
            return job if job["state"] not in ("PENDING", "RUNNING") else None

        job = await eventually(done)
        assert job["failed"] == 0, job
    rows = len(ITEMS.splitlines()) - 1

    async def known() -> bool:
        return len(await suite.sql("filing", "select 1 from known_items")) == rows

    await eventually(known)
    await asyncio.sleep(0)


def content(item: str, owner: Actor, **changes: Any) -> dict[str, Any]:
    """A listing document of a provincial department or of a city."""
    local = owner.region != "36"
    base = f"https://entry.example.invalid/{item}/{uuid.uuid4().hex[:8]}"
    return {
        "item_code": item,
        "title": "社会保险个人权益记录查询打印",
        "summary": "查询并打印个人社会保险权益记录。",
        "kind": "STANDARD",
        "organisation_id": owner.organisation,
        "region": owner.region,
        "hall_id": f"hall-{owner.region}" if local else "hall-36",
        "zone_id": None,
        "audiences": ["1"],
        "channels": ["APP", "WECHAT_MINI"],
        "capabilities": ["QUERY", "COMPLAINT", "RATING"],
        "entry_url": base,
        "complaint_url": f"{base}/complaint",
        "rating_url": f"{base}/rating",
        "builder": "信息中心",
        "operations_contact": "运维值班岗",
        "identity_level": "REAL_NAME",
        "data_scope": ["社会保险参保信息"],
        "keywords": ["社保"],
        "norm_version": "demo-1.0",
        **changes,
    }


def self_test(digest: str, suite: Suite, **changes: Any) -> dict[str, Any]:
    signed = suite.clock.now() - timedelta(minutes=5)
    return {
        "norm_version": "demo-1.0",
        "digest": digest,
        "environment": "预发布环境",
        "cases": [{"name": "查询环节走通", "result": "PASS"}],
        "result": "PASS",
        "signed_by": "信息中心测试岗",
        "signed_at": signed.isoformat(),
        **changes,
    }


async def plan(suite: Suite, client: httpx.AsyncClient, owner: Actor, *items: str) -> None:
    """File the yearly list of an owner and let the province accept it (A10.2)."""
    year = suite.clock.now().year
    hall = f"hall-{owner.region}" if owner.region != "36" else "hall-36"
    kind = "LOCAL_SCENARIO" if owner.role is Role.COUNTY else "STANDARD"
    lines = "".join(f"{item},{hall},{kind},{year}-12-31,\n" for item in items)
    filed = await Caller(suite, client, owner).csv(
        "/v1/listing-plans", "item_code,hall_id,kind,planned_on,note\n" + lines, year=year
    )
    assert filed.status_code == 201, filed.text
    accepted = await Caller(suite, client, PROVINCE).post(
        f"/v1/filings/{filed.json()['id']}/acceptance", {}, match=filed.headers["etag"]
    )
    assert accepted.status_code == 200, accepted.text


async def submitted(
    suite: Suite, client: httpx.AsyncClient, owner: Actor, document: dict[str, Any]
) -> httpx.Response:
    """A LISTING filing with its self-test, sent to the province."""
    caller = Caller(suite, client, owner)
    draft = await caller.post("/v1/filings", {"filing_type": "LISTING", "content": document})
    assert draft.status_code == 201, draft.text
    report = self_test(draft.json()["digest"], suite)
    sent = await caller.post(
        f"/v1/filings/{draft.json()['id']}/submission",
        {"self_test": report},
        match=draft.headers["etag"],
    )
    assert sent.status_code == 200, sent.text
    return sent


async def listed(
    suite: Suite,
    client: httpx.AsyncClient,
    owner: Actor,
    item: str,
    *,
    department: Actor = LABOUR,
    **changes: Any,
) -> dict[str, Any]:
    """A live listing, all the way: filed, confirmed where it is local, accepted, published."""
    answer = await submitted(suite, client, owner, content(item, owner, **changes))
    path = f"/v1/filings/{answer.json()['id']}"
    if owner.region != "36":
        answer = await Caller(suite, client, department).post(
            f"{path}/confirmation", {"opinion": "同意上架"}, match=answer.headers["etag"]
        )
        assert answer.status_code == 200, answer.text
    answer = await Caller(suite, client, PROVINCE).post(
        f"{path}/acceptance", {}, match=answer.headers["etag"]
    )
    assert answer.status_code == 200, answer.text
    listing_id = answer.json()["listing_id"]

    async def live() -> Any:
        shown = await Caller(suite, client, PROVINCE).get(f"/v1/listings/{listing_id}")
        return shown.json() if shown.status_code == 200 else None

    found: dict[str, Any] = await eventually(live)
    return found


__all__ = ["HEALTH_INSURANCE", "NANCHANG", "Caller", "content", "found_province", "listed", "plan"]
