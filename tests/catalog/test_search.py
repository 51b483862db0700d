"""Searching listings: filters, text, pages, and replicas that agree."""

from hashlib import sha256
from urllib.parse import parse_qsl, urlencode
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.catalog.app import build
from services.catalog.queries.listings import find_in_postgres
from services.catalog.queries.search_index import Search
from shared.http.pagination import PageRequest
from shared.security.identity import system
from tests.catalog.province import (
    DONGHU_PLACE,
    JIUJIANG_PLACE,
    NANCHANG_PLACE,
    Catalog,
    content,
)
from tests.suite import MINI_APP

QUERIES = [
    "",
    "q=社",
    "q=社保",
    "q=社会保险",
    "q=参保登记",
    "q=ETC",
    "q=etc 社保",
    "q=没有这个",
    "region=36",
    "region=360100",
    "region=360102",
    "region=360400&include_provincial=false",
    "region=36GJ00&include_provincial=false",
    "organisation=city-360100",
    "item_type=20",
    "item_type=01",
    "item=demo-ybj-001",
    "kind=LOCAL_SCENARIO",
    "audience=2",
    "channel=ALIPAY_MINI",
    "state=DELISTED",
    "state=LISTED&state=DELISTED&q=社保",
    "region=360100&q=社保&audience=1&channel=APP&include_provincial=false",
]


@pytest.fixture(scope="module")
async def listed(catalog: Catalog) -> Catalog:
    """A dozen listings in four places, one of them delisted."""
    documents = [
        content(),
        content(title="社会保险参保缴费证明打印", item_code="demo-rst-002", audiences=["1", "2"]),
        content(title="医疗保险参保登记", item_code="demo-ybj-001", organisation_id="jx-ybj",
                zone_id=None, keywords=["医保"], summary="办理医疗保险参保。",
                channels=["APP", "ALIPAY_MINI"]),
        content(title="ＥＴＣ办理", summary="高速不停车。", keywords=["高速", "社保卡"]),
        *(content(title=f"南昌社保服务{n}", **NANCHANG_PLACE) for n in range(3)),
        *(content(title=f"九江参保登记{n}", **JIUJIANG_PLACE) for n in range(3)),
        content(title="东湖区本地场景", **DONGHU_PLACE),
    ]  # fmt: skip
    ids = [await catalog.publish(document) for document in documents]
    await catalog.decide("DELIST", documents[1], listing=ids[1])
    return catalog


async def walk(catalog: Catalog, query: str, limit: int) -> tuple[list[str], set[int]]:
    ids, totals, cursor = [], set(), ""
    while True:
        page = (await catalog.get(f"/v1/listings?{query}&limit={limit}{cursor}")).json()
        ids += [item["id"] for item in page["items"]]
        totals.add(page["total"])
        if page["next_cursor"] is None:
            return ids, totals
        cursor = f"&cursor={page['next_cursor']}"


@pytest.mark.feature("C3")
@pytest.mark.feature("API5")
@pytest.mark.parametrize("query", QUERIES)
async def test_total_is_the_number_of_what_is_listed_at_any_page_size(listed: Catalog, query):
    small, small_totals = await walk(listed, query, 2)
    large, large_totals = await walk(listed, query, 100)

    assert small == large
    assert small_totals == large_totals == {len(large)}
    assert len(set(large)) == len(large)


def search_of(query: str) -> Search:
    """The query string as the endpoint reads it."""
    values: dict[str, list[str]] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        values.setdefault(name, []).append(value)
    states = tuple(values.pop("state", ["LISTED"]))
    wide = values.pop("include_provincial", ["true"]) == ["true"]
    return Search(**{n: v[0] for n, v in values.items()}, include_provincial=wide, states=states)


@pytest.mark.feature("C3")
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("limit", [3, 100])
async def test_the_index_and_postgres_give_the_same_bytes(listed: Catalog, query, limit):
    shown = await listed.get(f"/v1/listings?{query}&limit={limit}")
    database = listed.suite.apps["catalog"].state.database
    async with database.transaction(system("catalog"), whole_province=True) as tx:
        filters = _filters_of(query)
        body, cursor = await find_in_postgres(
            tx, search_of(query), PageRequest(limit, None, filters)
        )

    page = shown.json()
    assert body == shown.content
    assert cursor == page["next_cursor"]


def _filters_of(query: str) -> str:
    """The digest that the edge puts into a cursor for this query."""
    return sha256(urlencode(sorted(parse_qsl(query))).encode()).hexdigest()[:16]


@pytest.mark.feature("C3")
async def test_text_of_one_character_and_more_finds_a_listing(listed: Catalog):
    words = ("速", "高速", "不停车", "高速不停车", "etc", "ET", "etc办理")

    totals = [await listed.total(f"q={word}") for word in words]

    assert totals == [1] * len(words)


async def test_title_matches_come_first(listed: Catalog):
    page = (await listed.get("/v1/listings?q=社保&region=360100")).json()["items"]

    titles = ["社保" in item["title"] for item in page]
    assert titles == sorted(titles, reverse=True)
    assert True in titles
    assert False in titles


@pytest.mark.clause("A4.1")
async def test_a_region_finds_what_is_below_it_and_the_province_s(listed: Catalog):
    def places(page: httpx.Response) -> set[str]:
        return {item["region"] for item in page.json()["items"]}

    nanchang = await listed.get("/v1/listings?region=360100&limit=100")
    own = await listed.get("/v1/listings?region=360100&include_provincial=false&limit=100")
    donghu = await listed.get("/v1/listings?region=360102&include_provincial=false")

    assert places(nanchang) == {"36", "360100", "360102"}
    assert places(own) == {"360100", "360102"}
    assert places(donghu) == {"360102"}


@pytest.mark.feature("API5")
async def test_a_walk_while_listings_are_published_has_no_gap_and_no_repetition(listed: Catalog):
    before, _ = await walk(listed, "", 100)
    first = (await listed.get("/v1/listings?limit=3")).json()
    seen, cursor = [item["id"] for item in first["items"]], first["next_cursor"]
    added: list[str] = []

    while cursor:
        added.append(str(await listed.publish(content(title=f"新上架{len(added)}"))))
        page = (await listed.get(f"/v1/listings?limit=3&cursor={cursor}")).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"] if len(added) < 6 else None

    assert len(set(seen)) == len(seen)
    walked = [each for each in seen if each not in added]
    assert walked == before[: len(walked)]


@pytest.mark.feature("C3")
async def test_two_replicas_see_a_change_at_once(listed: Catalog):
    first = listed.client
    second = await listed.suite.start("catalog")
    headers = listed.suite.headers(MINI_APP)
    word = f"副本{uuid4().int % 1000}"
    listing_id = await listed.publish(content(title=word))

    pages = [
        (await client.get(f"/v1/listings?q={word}", headers=headers)).json()
        for client in (first, second)
    ]
    await listed.decide("DELIST", content(title=word), listing=listing_id)
    later = [
        (await client.get(f"/v1/listings?q={word}", headers=headers)).json()
        for client in (first, second)
    ]

    assert [page["items"][0]["id"] for page in pages] == [str(listing_id)] * 2
    assert [page["total"] for page in later] == [0, 0]


async def test_before_the_index_is_read_postgres_answers(listed: Catalog):
    app: FastAPI = listed.suite.apps["catalog"]
    index, app.state.index = app.state.index, type(app.state.index)()
    try:
        page = (await listed.get("/v1/listings?q=社保&limit=100")).json()
    finally:
        app.state.index = index

    assert page == (await listed.get("/v1/listings?q=社保&limit=100")).json()


@pytest.mark.feature("API5")
@pytest.mark.parametrize(
    "query",
    ["cursor=x", "cursor=W10", "limit=0", "limit=101", "state=DRAFT", "region=44", "kind=a%00"],
)
async def test_a_wrong_query_is_a_problem_with_its_place(listed: Catalog, query):
    answer = await listed.get(f"/v1/listings?{query}")

    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.feature("API5")
async def test_a_cursor_belongs_to_its_filter(listed: Catalog):
    cursor = (await listed.get("/v1/listings?limit=1")).json()["next_cursor"]

    answer = await listed.get(f"/v1/listings?limit=1&region=36&cursor={cursor}")

    assert answer.status_code == 400
    assert answer.json()["code"] == "cursor_invalid"


async def test_the_next_page_is_also_a_link(listed: Catalog):
    page = await listed.get("/v1/listings?limit=1&q=社保")

    assert page.json()["next_cursor"] in page.headers["link"]
    assert 'rel="next"' in page.headers["link"]


def test_the_service_is_built_without_opening_anything():
    assert build().state.name == "catalog"


async def test_an_unknown_listing_is_not_found(listed: Catalog):
    answer = await listed.get(f"/v1/listings/{UUID(int=0)}")

    assert answer.status_code == 404
    assert answer.json()["code"] == "listing_not_found"
