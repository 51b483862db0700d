"""A listing's service level, protection and operations office (A7.2, A15.4, A22)."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.security.identity import Role
from tests.catalog.province import DONGHU_PLACE, NANCHANG_PLACE, Catalog, content
from tests.catalog.test_partners import approve, registered, service
from tests.suite import (
    DONGHU,
    JIUJIANG,
    LABOUR,
    MINI_APP,
    NANCHANG,
    OPERATOR,
    PROVINCE,
    actor,
)

pytestmark = pytest.mark.clause("A7.2")


def assured(**changes: Any) -> dict[str, Any]:
    return {
        "availability_target": "0.999",
        "response_milliseconds": 1500,
        "mlps_level": 3,
        "critical_infrastructure": False,
        "operations_office": "city-360100",
        **changes,
    }


def path(listing: UUID) -> str:
    return f"/v1/listings/{listing}/assurance"


async def of_nanchang(catalog: Catalog) -> UUID:
    return await catalog.publish(content(**NANCHANG_PLACE), confirmed_by=["jx-rst"])


async def put(
    catalog: Catalog, listing: UUID, who=NANCHANG, if_match="*", **changes: Any
) -> httpx.Response:
    return await catalog.send("PUT", path(listing), assured(**changes), who, if_match=if_match)


async def told(catalog: Catalog, listing: UUID) -> list[dict[str, Any]]:
    facts = await catalog.told(f"listing:{listing}")
    return [data for name, data in facts if name == "listing_assurance_set.v1"]


async def test_a_listing_has_a_service_level_by_policy_until_its_owner_sets_one(catalog: Catalog):
    listing = await of_nanchang(catalog)
    policies = (await catalog.get("/v1/catalog/policies")).json()
    before = await catalog.get(path(listing), NANCHANG)

    answer = await put(catalog, listing, if_match=before.headers["etag"])

    by_policy = before.json()
    assert (by_policy["availability_target"], by_policy["response_milliseconds"]) == ("0.995", 3000)
    assert (by_policy["version"], by_policy["operations_office"]) == (0, "city-360100")
    sources = {each["key"]: each["source"] for each in policies if each["key"].startswith("slo_")}
    assert sources == {
        "slo_availability_target": "no official source",
        "slo_response_time": "no official source",
    }
    after = (await catalog.get(path(listing), PROVINCE)).json()
    assert answer.status_code == 200, answer.text
    assert (
        answer.json()
        == after
        == {
            "listing_id": str(listing),
            "organisation_id": "city-360100",
            "region": "360100",
            **assured(),
            "version": 1,
        }
    )
    assert await told(catalog, listing) == [
        {"listing_id": str(listing), "organisation_id": "city-360100", **assured()}
    ]


async def test_neither_the_public_page_nor_what_was_filed_changes_with_it(catalog: Catalog):
    listing = await of_nanchang(catalog)
    public = (await catalog.get(f"/v1/listings/{listing}")).json()
    versions = (await catalog.get(f"/v1/listings/{listing}/versions", NANCHANG)).json()

    await put(catalog, listing, mlps_level=4, critical_infrastructure=True)

    assert (await catalog.get(f"/v1/listings/{listing}")).json() == public
    assert (await catalog.get(f"/v1/listings/{listing}/versions", NANCHANG)).json() == versions
    refused = await catalog.get(path(listing), MINI_APP)
    assert (refused.status_code, refused.json()["code"]) == (403, "operation_forbidden")


@pytest.mark.clause("A15.4")
async def test_a_partner_assures_its_own_listing_and_no_other(catalog: Catalog):
    partner = await registered(catalog)
    await approve(catalog, partner)
    listing, other = await catalog.publish(service(partner)), await of_nanchang(catalog)
    who = actor(Role.PARTNER, partner, "36")

    mine = await put(catalog, listing, who, operations_office=partner)
    theirs = await put(catalog, other, who)

    assert (mine.status_code, mine.json()["organisation_id"]) == (200, partner)
    assert (theirs.status_code, theirs.json()["code"]) == (404, "listing_not_found")


@pytest.mark.clause("A22")
async def test_critical_infrastructure_is_found_with_its_protection_level_and_its_office(
    catalog: Catalog,
):
    critical, graded, open_ = [await of_nanchang(catalog) for _ in range(3)]
    await put(catalog, critical, mlps_level=5, critical_infrastructure=True)
    await put(catalog, graded, mlps_level=5)
    await put(catalog, open_, mlps_level=None)

    async def found(query: str, who=PROVINCE) -> list[str]:
        ids: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = f"limit=1&{query}{cursor and f'&cursor={cursor}'}"
            part = (await catalog.get(f"/v1/listing-assurances?{page}", who)).json()
            ids += [each["listing_id"] for each in part["items"]]
            cursor = part["next_cursor"]
        return [id_ for id_ in ids if id_ in {str(critical), str(graded), str(open_)}]

    both = sorted([str(critical), str(graded)])
    assert await found("critical_infrastructure=true") == [str(critical)]
    assert await found("mlps_level=5") == both
    assert await found("mlps_level=5&critical_infrastructure=false") == [str(graded)]
    assert len(await found("organisation=city-360100", NANCHANG)) == 3
    assert await found("organisation=jx-rst") == []
    assert [await found("", who) for who in (JIUJIANG, DONGHU, LABOUR)] == [[], [], []]
    assert len(await found("", OPERATOR)) == 3


@pytest.mark.clause("A4.1")
@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (JIUJIANG, (404, "listing_not_found")),
        (DONGHU, (404, "listing_not_found")),
        (LABOUR, (404, "listing_not_found")),
        (OPERATOR, (403, "operation_forbidden")),
        (MINI_APP, (403, "operation_forbidden")),
    ],
    ids=["another city", "its county", "a department", "the operator", "a mini-app"],
)
async def test_only_the_owner_and_the_province_set_it(catalog: Catalog, who, refusal):
    listing = await of_nanchang(catalog)

    refused = await put(catalog, listing, who)

    assert (refused.status_code, refused.json()["code"]) == refusal
    assert (await put(catalog, listing, PROVINCE)).status_code == 200
    assert len(await told(catalog, listing)) == 1


async def test_a_city_sees_what_its_county_assures_and_does_not_set_it(catalog: Catalog):
    listing = await catalog.publish(content(**DONGHU_PLACE), confirmed_by=["jx-rst"])

    seen = await catalog.get(path(listing), NANCHANG)
    refused = await put(catalog, listing, NANCHANG)

    assert (seen.status_code, seen.json()["region"]) == (200, "360102")
    assert (refused.status_code, refused.json()["code"]) == (403, "outside_remit")
    assert (await put(catalog, listing, DONGHU)).status_code == 200


@pytest.mark.feature("API4")
async def test_it_is_set_by_its_current_version_only_also_the_first_time(catalog: Catalog):
    listing = await of_nanchang(catalog)
    etag = (await catalog.get(path(listing), NANCHANG)).headers["etag"]

    answers = await asyncio.gather(*(put(catalog, listing, if_match=etag) for _ in range(4)))
    stale = await put(catalog, listing, if_match=etag)
    again = await put(catalog, listing, mlps_level=2)

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    assert (again.json()["version"], again.json()["mlps_level"]) == (2, 2)
    assert [fact["mlps_level"] for fact in await told(catalog, listing)] == [3, 2]


async def test_what_is_not_there_or_out_of_bounds_is_refused(catalog: Catalog):
    listing = await of_nanchang(catalog)

    unknown = await put(catalog, uuid4())
    nobody = await put(catalog, listing, operations_office="unit-nowhere")
    wrong = [
        await put(catalog, listing, **{member: value})
        for member, value in (
            ("availability_target", "0.0"),
            ("availability_target", "1.01"),
            ("availability_target", 0.99),
            ("response_milliseconds", 0),
            ("mlps_level", 6),
            ("mlps_level", "3"),
            ("contact_phone", "13800138000"),
        )
    ]

    assert (unknown.status_code, unknown.json()["code"]) == (404, "listing_not_found")
    (flaw,) = nobody.json()["errors"]
    assert (flaw["pointer"], flaw["code"]) == ("/operations_office", "organisation_unknown")
    assert {answer.status_code for answer in wrong} == {422}
    assert await told(catalog, listing) == []
