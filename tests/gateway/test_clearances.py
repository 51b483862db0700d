"""No privileged account without a valid clearance record: systems and persons alike (A21.3)."""

import base64
import uuid
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from gateway.event_handlers import on_clearance, on_clearance_revoked
from gateway.standing import Privileged
from shared.clock import SHANGHAI
from shared.events.envelope import Event
from shared.events.filing import ClearanceRecorded, ClearanceRevoked
from shared.messaging.handling import Handler, Received
from shared.security.groups import Group
from shared.security.identity import Role, system
from tests.suite import OPERATOR, PROVINCE, Suite, eventually, officer

POLICY = "/v1/gateway/policies/privileged_accounts"


@pytest.fixture(scope="module")
async def gateway(suite: Suite) -> httpx.AsyncClient:
    await suite.name_officers()
    await suite.start("filing")
    (suite.folder / "bootstrap").write_text("the-first-secret-of-this-suite-and-no-other")
    return await suite.start(
        "gateway",
        bootstrap_client="first",
        bootstrap_secret_file=suite.folder / "bootstrap",
    )


def today(suite: Suite, plus: int = 0) -> date:
    return suite.clock.now().astimezone(SHANGHAI).date() + timedelta(days=plus)


async def registered(suite: Suite, gateway: httpx.AsyncClient, *groups: Group) -> dict[str, Any]:
    body = {
        "client_id": f"operator-{uuid.uuid4().hex[:12]}",
        "organisation_id": "operator",
        "role": "OPERATOR",
        "region": "36",
        "scopes": ["route:read"],
        "groups": list(groups),
    }
    made = await gateway.post("/v1/clients", json=body, headers=suite.headers(PROVINCE))
    assert made.status_code == 201, made.text
    shown: dict[str, Any] = made.json()
    return shown


async def token(
    gateway: httpx.AsyncClient, client: dict[str, Any], language: str = "zh-CN"
) -> httpx.Response:
    pair = f"{client['client_id']}:{client['client_secret']}".encode()
    return await gateway.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers={
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
            "Accept-Language": language,
        },
    )


def recorded(suite: Suite, subject: str, **changes: Any) -> ClearanceRecorded:
    values: dict[str, Any] = {
        "filing_id": uuid.uuid4(),
        "organisation_id": "operator",
        "subject_ref": subject,
        "role": "OPERATOR",
        "valid_from": today(suite),
        "valid_until": today(suite, 30),
        **changes,
    }
    return ClearanceRecorded(**values)


async def tell(suite: Suite, subject: str, event: Event) -> None:
    """What filing tells, through its own outbox."""
    async with suite.apps["filing"].state.database.transaction(system("filing")) as tx:
        tx.emit(event, subject=f"clearance:{subject}", region="36")


async def reaches(gateway: httpx.AsyncClient, client: dict[str, Any], status: int) -> Any:
    async def reached() -> Any:
        answer = await token(gateway, client)
        return answer if answer.status_code == status else None

    return await eventually(reached, pause=0.2)


@pytest.mark.clause("A21.3")
async def test_a_privileged_client_gets_no_token_without_a_clearance(suite, gateway):
    privileged = await registered(suite, gateway, Group.SECURITY, Group.STATISTICS)
    plain = await registered(suite, gateway, Group.STATISTICS)

    refused = await token(gateway, privileged)
    english = await token(gateway, privileged, "en")
    free = await token(gateway, plain)

    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
    assert (refused.json()["code"], refused.json()["clause"]) == ("clearance_missing", "A21.3")
    assert refused.json()["title"] == "特权账户没有有效的背景审查记录"
    assert english.json()["title"] == "A privileged account without a valid clearance record"
    assert privileged["client_id"] in english.json()["detail"]
    assert free.status_code == 200


@pytest.mark.clause("A21.3")
async def test_a_clearance_opens_the_account_for_its_days_alone(suite, gateway):
    client = await registered(suite, gateway, Group.OPERATIONS)
    subject = client["client_id"]

    await tell(suite, subject, recorded(suite, subject, valid_until=today(suite, 1)))
    answer = await reaches(gateway, client, 200)
    suite.clock.advance(timedelta(days=2))
    try:
        over = await token(gateway, client)
    finally:
        suite.clock.advance(timedelta(days=-2))

    assert answer.json()["expires_in"] <= 600  # what ends meanwhile is over within ten minutes
    assert (over.status_code, over.json()["code"]) == (400, "clearance_missing")


@pytest.mark.clause("A21.3")
@pytest.mark.parametrize(
    "wrong",
    [
        {"organisation_id": "another"},
        {"valid_from": date(2020, 1, 1), "valid_until": date(2020, 12, 31)},
        {"valid_from": date(2098, 1, 1), "valid_until": date(2099, 1, 1)},
    ],
    ids=["of another organisation", "over", "not yet begun"],
)
async def test_a_clearance_that_does_not_hold_opens_nothing(suite, gateway, wrong):
    client = await registered(suite, gateway, Group.OPERATIONS)
    subject = client["client_id"]

    await tell(suite, subject, recorded(suite, subject, **wrong))

    async def heard() -> bool:
        rows = await suite.sql("gateway", "select 1 from clearances where subject = $1", subject)
        return bool(rows)

    await eventually(heard)
    answer = await token(gateway, client)
    assert (answer.status_code, answer.json()["code"]) == (400, "clearance_missing")


@pytest.mark.clause("A21.3")
async def test_a_revoked_clearance_ends_the_tokens_that_are_out(suite, gateway):
    client = await registered(suite, gateway, Group.OPERATIONS)
    subject = client["client_id"]
    await tell(suite, subject, recorded(suite, subject))
    issued = (await reaches(gateway, client, 200)).json()["access_token"]
    headers = {"Authorization": f"Bearer {issued}"}
    before = await gateway.get("/v1/routes", headers=headers)

    revoked = ClearanceRevoked(subject_ref=subject, organisation_id="operator", reason="离岗")
    await tell(suite, subject, revoked)

    async def fallen() -> bool:
        return bool((await gateway.get("/v1/routes", headers=headers)).status_code == 401)

    await eventually(fallen)
    again = await token(gateway, client)
    await tell(suite, subject, recorded(suite, subject))
    back = await reaches(gateway, client, 200)

    assert before.status_code == 200
    assert (again.status_code, again.json()["code"]) == (400, "clearance_missing")
    assert back.status_code == 200


@pytest.mark.clause("A21.3")
async def test_a_person_is_refused_the_privileged_calls_and_no_others(suite, gateway):
    person = officer(OPERATOR, f"officer-{uuid.uuid4().hex[:8]}")
    grant = {
        "subject": person.subject,
        "organisation_id": "operator",
        "groups": [Group.OPERATIONS, Group.STATISTICS],
    }
    made = await gateway.post("/v1/person-grants", json=grant, headers=suite.headers(PROVINCE))

    async def asked(who: Any = person) -> str:
        answer = await gateway.get("/v1/routes", headers=suite.headers(who))
        return "" if answer.status_code == 200 else answer.json()["code"]

    async def is_(code: str) -> None:
        async def reached() -> bool:
            return await asked() == code

        await eventually(reached)

    await is_("clearance_missing")
    english = await gateway.get(
        "/v1/routes", headers=suite.headers(person, **{"Accept-Language": "en"})
    )
    await tell(suite, person.subject, recorded(suite, person.subject))
    await is_("")
    elsewhere = await asked(replace(person, organisation="another"))
    revoked = ClearanceRevoked(
        subject_ref=person.subject, organisation_id="operator", reason="离岗"
    )
    await tell(suite, person.subject, revoked)
    await is_("clearance_missing")

    assert made.status_code == 201, made.text
    assert english.status_code == 403
    assert english.json()["title"] == "A privileged account without a valid clearance record"
    assert elsewhere == "group_missing"


@pytest.mark.clause("A21.3")
async def test_what_is_privileged_is_a_policy_and_the_first_administrator_has_a_term(
    suite, gateway
):
    first = {"client_id": "first", "client_secret": (suite.folder / "bootstrap").read_text()}
    second = {
        "client_id": f"second-{uuid.uuid4().hex[:8]}",
        "organisation_id": "jx-zwfw",
        "role": "PROVINCE",
        "region": "36",
        "scopes": [],
    }
    made = await gateway.post("/v1/clients", json=second, headers=suite.headers(PROVINCE))
    unprivileged = (await token(gateway, made.json())).status_code

    async def set_policy(words: str) -> int:
        answer = await gateway.post(
            POLICY,
            json={
                "value": words,
                "source": "no official source",
                "effective_from": today(suite).isoformat(),
            },
            headers=suite.headers(PROVINCE, **{"If-Match": "*"}),
        )
        return int(answer.status_code)

    status = await set_policy("PROVINCE OPERATOR:SECURITY")
    refused = await _eventually_refused(gateway, made.json())
    in_term = await token(gateway, first)
    suite.clock.advance(timedelta(days=31))
    try:
        over = await token(gateway, first)
        await tell(suite, "first", recorded(suite, "first", organisation_id="jx-zwfw"))
        cleared = await reaches(gateway, first, 200)
    finally:
        suite.clock.advance(timedelta(days=-31))
    await set_policy("PROVINCE OPERATOR:EVERYTHING")  # not readable: what was known stays
    await suite.apps["gateway"].state.standing.refresh()
    still = await token(gateway, made.json())
    with pytest.raises(ValueError, match="EVERYTHING"):
        await suite.apps["gateway"].state.standing.follow_policy()
    await set_policy("OPERATOR:OPERATIONS OPERATOR:SECURITY")
    await reaches(gateway, made.json(), 200)

    assert (unprivileged, status) == (200, 201)
    assert refused.json()["code"] == "clearance_missing"
    assert in_term.status_code == 200
    assert (over.status_code, over.json()["code"]) == (400, "clearance_missing")
    assert cleared.status_code == 200
    assert still.status_code == 400


@pytest.mark.parametrize("words", ["KING", "OPERATOR:EVERYTHING", "CITY:SECURITY", "OPERATOR:"])
def test_words_that_are_no_accounts_are_refused(words):
    with pytest.raises(ValueError, match=r"is not a valid|has no groups"):
        Privileged.read(words)


def test_accounts_are_roles_and_groups():
    read = Privileged.read("PROVINCE OPERATOR:SECURITY")

    assert read.account(Role.PROVINCE, [])
    assert read.account(Role.OPERATOR, ["SECURITY"])
    assert not read.account(Role.OPERATOR, ["STATISTICS"])
    assert not read.account(Role.CITY, [])


@pytest.mark.feature("E3")
async def test_hearing_twice_of_a_clearance_equals_hearing_once(suite, gateway):
    subject = f"officer-{uuid.uuid4().hex[:8]}"
    facts: list[tuple[Handler, Event]] = [
        (on_clearance, recorded(suite, subject)),
        (
            on_clearance_revoked,
            ClearanceRevoked(subject_ref=subject, organisation_id="operator", reason="离岗"),
        ),
    ]
    rows = []

    for handler, fact in facts:
        received = Received(
            event=fact,
            subject=f"clearance:{subject}",
            region="36",
            sequence=1,
            occurred_at=suite.clock.now(),
            id=uuid.uuid4(),
            source="filing",
        )
        for _ in range(2):
            async with suite.apps["gateway"].state.database.transaction(system("gateway")) as tx:
                await handler(tx, received)
            rows.append(
                await suite.sql(
                    "gateway",
                    "select organisation_id, valid_from, valid_until, revoked from clearances"
                    " where subject = $1",
                    subject,
                )
            )

    assert gateway is not None
    assert rows[0] == rows[1]
    assert rows[2] == rows[3]
    assert [each[0]["revoked"] for each in rows] == [False, False, True, True]


async def _eventually_refused(gateway: httpx.AsyncClient, client: dict[str, Any]) -> Any:
    async def refused() -> Any:
        answer = await token(gateway, client)
        return answer if answer.status_code == 400 else None

    return await eventually(refused, within=30, pause=0.3)
