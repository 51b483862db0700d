"""What the demo is made of: a smaller province, the departments' stand-in, the officers' issuer."""

import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from deploy.local import expired, officers, province, stand_in
from deploy.local.state import free_port, open_state
from services.monitoring.clients.outcome import Limits
from services.monitoring.clients.prober import Prober
from services.monitoring.clients.resolving import SystemResolver
from services.monitoring.clients.web import client_context
from services.monitoring.rules.addresses import read_allowed
from services.monitoring.rules.targets import read_target
from shared.clock import SettableClock
from shared.security.errors import InvalidToken
from shared.security.identity import Role
from shared.security.tokens import Issuer, verify
from shared.settings import Profile
from tests.deploy.launcher import LISTINGS

LIMIT = 15  # seconds that a probe waits by default


def test_a_smaller_province_still_has_departments_cities_and_counties():
    known = province.read()

    chosen = province.choose(known.listings, LISTINGS)

    roles = {known.organisations[each.organisation].role for each in chosen}
    assert roles == {Role.DEPARTMENT, Role.CITY, Role.COUNTY}
    assert len({each.key for each in chosen}) == LISTINGS
    assert province.choose(known.listings, len(known.listings)) == list(known.listings)


def test_cities_and_counties_need_the_item_s_department_and_departments_nobody():
    known = province.read()

    confirmers = {each.key: known.confirmer(each) for each in known.listings}

    assert confirmers["demo-rst-001.jx-rst"] is None
    local = [each for each in known.listings if each.region != "36"]
    assert all(confirmers[each.key] == each.department for each in local)


async def test_the_stand_in_knows_a_service_by_the_path_above_and_no_other():
    transport = httpx.ASGITransport(stand_in.build({"/rst/pension": "养老保险"}))

    async with httpx.AsyncClient(transport=transport, base_url="http://stand-in.test") as client:
        below = await client.post("/rst/pension/apply/2")
        html = await client.get("/rst/pension", headers={"Accept": "text/html"})
        unknown = await client.get("/rst")

    assert below.json()["service"] == "养老保险"
    assert "<h1>养老保险</h1>" in html.text
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("behaviour", "at", "status"),
    [
        ("FAILING", 0, 503),
        ("GONE", 0, 404),
        ("WRONG_CONTENT", 0, 200),
        ("FLAPPING", 0, 200),
        ("FLAPPING", stand_in.FLAP_SECONDS, 503),
        ("FLAPPING", 2 * stand_in.FLAP_SECONDS, 200),
    ],
)
async def test_the_stand_in_misbehaves_as_the_data_says(behaviour: str, at: int, status: int):
    app = stand_in.build(
        {"/a/well": "好", "/a/odd": "坏"},
        {"/a/odd": stand_in.Behaviour(behaviour)},
        now=lambda: float(at),
    )

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://stand-in.test"
    ) as client:
        odd, well = await client.get("/a/odd"), await client.get("/a/well")

    assert (odd.status_code, "坏" in odd.text) == (status, status == 200 and behaviour[0] == "F")
    assert (well.status_code, well.json()["service"]) == (200, "好")


async def test_a_slow_stand_in_lets_its_caller_wait_longer_than_a_probe_does():
    app = stand_in.build({"/a": "慢"}, {"/a": stand_in.Behaviour.SLOW}, slow=0.2)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://stand-in.test"
    ) as client:
        begun = time.monotonic()
        await client.get("/a")

    assert time.monotonic() - begun >= 0.2
    assert stand_in.SLOW_SECONDS > LIMIT


async def test_a_certificate_that_has_run_out_is_seen_as_that(tmp_path: Path):
    state, port = open_state(tmp_path / "state", minimum_space=0), free_port()
    expired.make_certificates(state)

    async with expired.serving(port, expired.expired_file(state)):
        tls = client_context(str(expired.authority_file(state)))
        with Prober(SystemResolver(), (read_allowed("127.0.0.0/8"),), tls) as prober:
            outcome = await prober.probe(
                read_target(f"https://127.0.0.1:{port}/"), limits=Limits(total=5)
            )

    assert outcome.error == "certificate_expired"


def test_few_entries_misbehave_and_none_that_the_walk_through_uses():
    odd = province.behaviours()

    entries = {each.entry_path: each for each in province.read().listings}
    assert odd.keys() <= entries.keys()
    assert set(odd.values()) == set(stand_in.Behaviour)
    assert not {entries[each].organisation for each in odd} & set(province.WALK_THROUGH)


async def test_the_officers_issuer_gives_person_tokens_for_the_right_secret_only(tmp_path: Path):
    state, clock = open_state(tmp_path / "state", minimum_space=0), SettableClock()
    keys, known = officers.signing_keys(state), officers.officer_secrets(state)
    name = "https://officers.test"
    app = officers.build(issuer=name, keys=keys, known=known, clock=clock, profile=Profile.DEMO)
    trusted = Issuer(name, keys.public(), issues_persons=True)
    form = {"grant_type": "client_credentials"}

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=name) as client:
        good = await client.post(
            "/token", data=form, auth=("officer-rst-1", known["officer-rst-1"])
        )
        wrong = await client.post("/token", data=form, auth=("officer-rst-1", "x"))
        nobody = await client.post("/token", data=form, auth=("officer-rst-9", ""))
        naked = await client.post("/token", data=form)
        implicit = await client.post("/token", data={"grant_type": "implicit"})
        configuration = (await client.get("/.well-known/openid-configuration")).json()

    token = good.json()["access_token"]
    actor = verify(token, issuers={name: trusted}, now=clock.now()).actor
    assert (actor.subject, actor.organisation, actor.role) == (
        "officer-rst-1",
        "jx-rst",
        Role.DEPARTMENT,
    )
    assert actor.person
    assert [each.status_code for each in (wrong, nobody, naked, implicit)] == [401, 401, 401, 400]
    assert configuration["jwks_uri"] == f"{name}/jwks"
    clock.advance(timedelta(minutes=11))
    with pytest.raises(InvalidToken):
        verify(token, issuers={name: trusted}, now=clock.now())


def test_the_officers_issuer_refuses_production(tmp_path: Path):
    state = open_state(tmp_path / "state", minimum_space=0)

    with pytest.raises(ValueError, match="no persons"):
        officers.build(
            issuer="https://officers.test",
            keys=officers.signing_keys(state),
            known={},
            clock=SettableClock(),
            profile=Profile.PRODUCTION,
        )
