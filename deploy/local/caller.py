"""Calls to the gateway as an API client makes them: token, idempotency key, patience."""

import asyncio
import json
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from deploy.local.state import LaunchError

IN_FLIGHT = 12
ATTEMPTS = 8
_LAGGING = frozenset(
    {"organisation_unknown", "item_unknown", "hall_unknown", "zone_unknown", "norm_not_current"}
)
LAG = 60.0  # seconds that a service may take to learn what another one was told
_AGAIN = frozenset({429, 500, 502, 503, 504})


class CallRefused(LaunchError):
    """An answer that no repetition makes better; `code` is that of the problem."""

    def __init__(self, method: str, path: str, answer: httpx.Response) -> None:
        problem = _problem(answer)
        self.status = answer.status_code
        self.code = str(problem.get("code", ""))
        wrong = [each for each in problem.get("errors") or [] if isinstance(each, dict)]
        self.lagging = self.code in _LAGGING or (
            bool(wrong) and all(each.get("code") in _LAGGING for each in wrong)
        )
        said = f"{method} {path} → {self.status} {self.code}"
        details = problem.get("errors") or problem.get("detail") or ""
        text = details if isinstance(details, str) else json.dumps(details, ensure_ascii=False)
        super().__init__(f"演示数据加载失败：{said} {text}"[:600], f"the demo's data: {said}"[:300])


class Gateway:
    """One connection pool to the gateway for all callers; bounded in what is in flight."""

    def __init__(self, url: str) -> None:
        limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
        self.http = httpx.AsyncClient(base_url=url, limits=limits, timeout=30, trust_env=False)
        self.slots = asyncio.Semaphore(IN_FLIGHT)
        self.calls = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.aclose()

    async def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One call; the last answer, or the last error of the connection, after some attempts."""
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            pause = min(0.1 * 2**attempt, 3.0)
            try:
                async with self.slots:
                    self.calls += 1
                    answer = await self.http.request(method, path, **request)
            except httpx.TransportError:
                if last:
                    raise
            else:
                twin = _problem(answer).get("code") == "idempotent_twin_in_flight"
                if last or not (answer.status_code in _AGAIN or twin):
                    return answer
                pause = max(pause, float(answer.headers.get("retry-after", 0)))
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


class Caller:
    """One API client: its token is asked for when it is first needed, and again before it ends."""

    def __init__(self, gateway: Gateway, client_id: str, secret: str) -> None:
        self.client_id = client_id
        self._gateway = gateway
        self._secret = secret
        self._token = ""
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.call("GET", path, params=params)

    async def post(
        self, path: str, body: Any, *, key: str, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """A POST that may be repeated: the same key finds what the first one did."""
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        given = {"Idempotency-Key": key, "If-Match": "*", **(headers or {})}
        return await self.call("POST", path, headers=given, **content)

    async def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The answer of a call that went well; CallRefused otherwise.

        What another service has not yet told (an item, a hall) is waited for.
        """
        deadline = time.monotonic() + LAG
        while True:
            answer = await self._authorised(method, path, **request)
            if answer.is_success:
                return answer
            refused = CallRefused(method, path, answer)
            if not refused.lagging or time.monotonic() > deadline:
                raise refused
            await asyncio.sleep(0.25)

    async def _authorised(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = dict(request.pop("headers", None) or {})
        for renewed in (False, True):
            bearer = {"Authorization": f"Bearer {await self._current(fresh=renewed)}"}
            answer = await self._gateway.send(
                method, path, headers={**headers, **bearer}, **request
            )
            if answer.status_code != 401:
                break
        return answer

    async def _current(self, *, fresh: bool) -> str:
        async with self._renewing:
            if fresh or time.monotonic() > self._renew_at:
                answer = await self._gateway.send(
                    "POST",
                    "/oauth2/token",
                    data={"grant_type": "client_credentials"},
                    auth=httpx.BasicAuth(self.client_id, self._secret),
                )
                if answer.is_error:
                    raise CallRefused("POST", f"/oauth2/token ({self.client_id})", answer)
                granted = answer.json()
                self._token = granted["access_token"]
                self._renew_at = time.monotonic() + granted["expires_in"] / 2
            return self._token


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    if not answer.is_error:
        return {}
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
