"""Forged, stale and foreign tokens at every real door: the gateway's, and each service's own."""

import base64
import hmac
import json
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry, serialize_compact
from joserfc.registry import HeaderParameter

from shared.security.tokens import AUDIENCE, SigningKeys
from tests.suite import ISSUER, PROVINCE, Suite, eventually

PATHS = {"gateway": "/v1/clients", "catalog": "/v1/organisations", "filing": "/v1/filings"}
YEARS = 10 * 31_557_600
STRANGER = SigningKeys.generate()
_ANYTHING = {name: HeaderParameter(name, lambda _: None) for name in ("jku", "jwk", "crit", "own")}


class Forger:
    """Someone who knows everything public; `signed` also has the real key, to show what is left."""

    def __init__(self, suite: Suite) -> None:
        self.key: ECKey = suite.keys.current
        self.now = int(suite.clock.now().timestamp())
        self.header = {"alg": "ES256", "typ": "at+jwt", "kid": self.key.kid}
        self.claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "jx-zwfw-system",
            "client_id": "jx-zwfw-client",
            "iat": self.now,
            "nbf": self.now,
            "exp": self.now + 600,
            "jti": str(uuid.uuid4()),
            "org": "jx-zwfw",
            "role": "PROVINCE",
            "region": "36",
            "scope": " ".join(sorted(PROVINCE.scopes)),
        }

    def signed(self, *, key: Any = None, head: dict[str, Any] | None = None, **claims: Any) -> str:
        header = _without_none({**self.header, **(head or {})})
        payload = json.dumps(_without_none({**self.claims, **claims}))
        registry = JWSRegistry(_ANYTHING, [header["alg"]])
        return serialize_compact(header, payload, key or self.key, registry=registry)

    def unsigned(self, algorithm: str, signature: bytes = b"") -> str:
        header = {**self.header, "alg": algorithm}
        parts = (json.dumps(header).encode(), json.dumps(self.claims).encode(), signature)
        return ".".join(map(_b64, parts))

    def by_hmac(self, secret: bytes) -> str:
        unsigned = self.unsigned("HS256").rpartition(".")[0]
        return f"{unsigned}.{_b64(hmac.digest(secret, unsigned.encode(), 'sha256'))}"

    def tampered(self, **claims: Any) -> str:
        head, _, signature = self.signed().split(".")
        return f"{head}.{_b64(json.dumps({**self.claims, **claims}).encode())}.{signature}"

    def public_pem(self) -> bytes:
        return self.key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _rsa(forger: Forger) -> str:
    key = RSAKey.generate_key(2048, {"kid": str(forger.key.kid)})
    return forger.signed(key=key, head={"alg": "RS256"})


FORGERIES: dict[str, Callable[[Forger], str]] = {
    "alg none": lambda f: f.unsigned("none"),
    "alg None": lambda f: f.unsigned("None"),
    "HS256 with the public PEM": lambda f: f.by_hmac(f.public_pem()),
    "HS256 with the public JWK": lambda f: f.by_hmac(
        json.dumps(f.key.as_dict(private=False)).encode()
    ),
    "no exp": lambda f: f.signed(exp=None),
    "exp in ten years": lambda f: f.signed(exp=f.now + YEARS),
    "exp as text": lambda f: f.signed(exp=str(f.now + 600)),
    "expired": lambda f: f.signed(iat=f.now - 900, nbf=f.now - 900, exp=f.now - 300),
    "not yet valid": lambda f: f.signed(nbf=f.now + 300),
    "issued tomorrow": lambda f: f.signed(iat=f.now + 86_400, exp=f.now + 87_000),
    "no iat": lambda f: f.signed(iat=None),
    "no jti": lambda f: f.signed(jti=None),
    "no sub": lambda f: f.signed(sub=None),
    "another audience": lambda f: f.signed(aud="another-platform"),
    "no audience": lambda f: f.signed(aud=None),
    "ours among other audiences": lambda f: f.signed(aud=[AUDIENCE, "another-platform"]),
    "another issuer": lambda f: f.signed(iss="https://evil.invalid"),
    "an issuer with a slash more": lambda f: f.signed(iss=ISSUER + "/"),
    "another key under our kid": lambda f: f.signed(
        key=ECKey.generate_key("P-256", {"kid": str(f.key.kid)})
    ),
    "another algorithm's key under our kid": _rsa,
    "a key that nobody knows": lambda f: f.signed(
        key=STRANGER.current, head={"kid": STRANGER.current.kid}
    ),
    "kid unknown": lambda f: f.signed(head={"kid": "unknown"}),
    "kid a path": lambda f: f.signed(head={"kid": "../../../dev/null"}),
    "no kid": lambda f: f.signed(head={"kid": None}),
    "jku": lambda f: f.signed(head={"jku": "https://evil.invalid/jwks"}),
    "jwk in the header": lambda f: f.signed(
        key=STRANGER.current, head={"jwk": STRANGER.current.as_dict(private=False)}
    ),
    "crit": lambda f: f.signed(head={"crit": ["own"], "own": 1}),
    "typ JWT": lambda f: f.signed(head={"typ": "JWT"}),
    "no typ": lambda f: f.signed(head={"typ": None}),
    "claims exchanged": lambda f: f.tampered(role="OPERATOR"),
    "signature cut off": lambda f: f.signed().rpartition(".")[0] + ".",
    "two parts": lambda f: f.signed().rpartition(".")[0],
    "five parts": lambda _: "e30.e30.e30.e30.e30",
    "role unknown": lambda f: f.signed(role="ROOT"),
    "a system's client": lambda f: f.signed(client_id="system:filing"),
    "noise": lambda _: "%%%",
}


@pytest.fixture(scope="module")
async def doors(suite: Suite) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """Real HTTP to the gateway, and past it to the services, as someone inside would have it."""
    gateway = await suite.serve_all()
    async with (
        httpx.AsyncClient(base_url=suite.urls["catalog"]) as catalog,
        httpx.AsyncClient(base_url=suite.urls["filing"]) as filing,
    ):
        yield {"gateway": gateway, "catalog": catalog, "filing": filing}


async def ask(door: httpx.AsyncClient, path: str, authorization: str) -> httpx.Response:
    return await door.get(path, headers={"Authorization": authorization})


@pytest.mark.feature("DEP1")
@pytest.mark.feature("API2")
@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_token_opens_no_door_and_learns_nothing(suite, doors, name):
    forger = Forger(suite)
    forged = FORGERIES[name](forger)

    for component, door in doors.items():
        good = await ask(door, PATHS[component], f"Bearer {forger.signed()}")
        answer = await ask(door, PATHS[component], f"Bearer {forged}")

        problem = answer.json()
        assert good.status_code == 200, (component, good.text)
        assert (answer.status_code, problem["code"]) == (401, "invalid_token"), component
        assert problem.keys() == {
            "type", "title", "status", "detail", "instance", "code", "trace_id"
        }  # fmt: skip
        assert answer.headers["www-authenticate"] == (
            'Bearer realm="ganfutong", error="invalid_token"'
        )
        assert answer.headers["content-type"] == "application/problem+json"


async def test_every_forgery_gets_the_same_answer(suite, doors):
    forger = Forger(suite)
    answers = [
        (await ask(doors["gateway"], PATHS["filing"], f"Bearer {make(forger)}")).json()
        for make in FORGERIES.values()
    ]

    shapes = {json.dumps({**each, "trace_id": ""}, sort_keys=True) for each in answers}

    print(f"forgeries refused {len(answers)}/{len(FORGERIES)}")  # noqa: T201 the figure of the row
    assert len(FORGERIES) >= 30
    assert len(shapes) == 1


@pytest.mark.feature("API2")
@pytest.mark.parametrize("scheme", ["Basic", "Digest", "bearer:", "Token", ""])
async def test_a_token_under_another_scheme_is_no_token(suite, doors, scheme):
    token = Forger(suite).signed()

    for component, door in doors.items():
        answer = await ask(door, PATHS[component], f"{scheme} {token}".strip())

        assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
        assert "www-authenticate" in answer.headers


@pytest.mark.feature("G5")
async def test_a_suspended_clients_token_stops_and_a_token_issued_after_resumption_works(
    suite, doors
):
    gateway: httpx.AsyncClient = doors["gateway"]
    client_id = f"nanchang-{uuid.uuid4().hex[:8]}"
    registered = await gateway.post(
        "/v1/clients",
        json={
            "client_id": client_id,
            "organisation_id": "city-360100",
            "role": "CITY",
            "region": "360100",
            "scopes": ["filing:read"],
        },
        headers=suite.headers(PROVINCE),
    )
    basic = base64.b64encode(f"{client_id}:{registered.json()['client_secret']}".encode())

    async def token() -> httpx.Response:
        return await gateway.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials"},
            headers={"Authorization": f"Basic {basic.decode()}"},
        )

    async def reads(bearer: str) -> httpx.Response:
        return await ask(gateway, "/v1/filings", f"Bearer {bearer}")

    bearer = (await token()).json()["access_token"]
    before = await reads(bearer)
    suspended = await gateway.post(
        f"/v1/clients/{client_id}/suspension",
        json={"reason": "密钥疑似泄露"},
        headers=suite.headers(PROVINCE, **{"If-Match": registered.headers["etag"]}),
    )

    async def stopped() -> Any:
        answer = await reads(bearer)
        return answer if answer.status_code == 401 else None

    refused = await eventually(stopped, within=5)
    resumed = await gateway.post(
        f"/v1/clients/{client_id}/resumption",
        headers=suite.headers(PROVINCE, **{"If-Match": suspended.headers["etag"]}),
    )

    async def fresh() -> Any:
        granted = await token()
        answer = await reads(granted.json()["access_token"])
        return answer if answer.status_code == 200 else None

    assert before.status_code == 200
    assert refused.json()["code"] == "invalid_token"
    assert resumed.status_code == 200
    assert (await eventually(fresh, within=5)).status_code == 200
    assert (await reads(bearer)).status_code == 401
