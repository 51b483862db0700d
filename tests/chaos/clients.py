"""The workload: departments that file and a province that accepts, each certain only of answers.

Every attempt is a line of an append-only file before anything is made of it. A logical request
keeps its Idempotency-Key until it is answered with 2xx or its deadline has passed; some give up at
once, and some ask again after their answer.
"""

import asyncio
import json
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import httpx

from shared.security.canonical import digest

DEADLINE: Final = 30.0  # seconds for one logical request
TRY_SECONDS: Final = 6.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
_NOT_IN_TIME = frozenset({401, 429, 500, 502, 503, 504})
_TWIN = "idempotent_twin_in_flight"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line: what was asked, when, and what came of it; status 0 is no answer at all."""

    key: str
    operation: str
    sent: float
    took: float
    status: int
    id: str | None = None
    code: str | None = None

    @property
    def acknowledged(self) -> bool:
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """An answer that repeating does not better: the workload asks for nothing refusable."""
        again = self.status in _NOT_IN_TIME or self.code == _TWIN
        return self.status >= 400 and not again


@dataclass
class Token:
    """The access token of one API client, asked for when it is first needed and before it ends."""

    client_id: str
    secret: str
    value: str = ""
    renew_at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def current(self, http: httpx.AsyncClient) -> str:
        async with self.lock:
            if time.monotonic() > self.renew_at:
                answer = await http.post(
                    "/oauth2/token",
                    data={"grant_type": "client_credentials"},
                    auth=httpx.BasicAuth(self.client_id, self.secret),
                )
                answer.raise_for_status()
                granted = answer.json()
                self.value = granted["access_token"]
                self.renew_at = time.monotonic() + granted["expires_in"] / 2
            return self.value

    def forget(self) -> None:
        self.renew_at = 0.0


@dataclass
class Workload:
    """The clients of one run."""

    http: httpx.AsyncClient
    ledger: int
    filer: Token
    province: Token
    template: Mapping[str, Any]
    checklist: list[str]
    random: random.Random
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: int = 0

    async def file_until_stopped(self) -> None:
        while not self.stopping.is_set():
            self.numbers += 1
            key = f"ledger-{self.numbers:06d}-{self.random.getrandbits(32):08x}"
            chance = self.random.random()
            filing = self.filing(key)
            if chance < 0.05:
                await self.attempt(self.filer, "create", key, filing, seconds=chance)
                continue
            created = await self.until_answered(self.filer, "create", key, filing)
            if created is None:
                continue
            if chance > 0.95:
                await self.attempt(self.filer, "create", key, filing)
            if chance < 0.8:
                await self.until_answered(
                    self.province, "accept", f"{key}-accepted", {"opinion": "收悉"}, of=created
                )

    def filing(self, key: str) -> dict[str, Any]:
        content = {**self.template, "title": title_of(key)}
        self_test = {
            "norm_version": content["norm_version"],
            "digest": digest(content),
            "environment": "预发布环境",
            "cases": [{"name": each, "result": "PASS"} for each in self.checklist],
            "result": "PASS",
            "signed_by": "省人社厅信息中心测试岗",
            "signed_at": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - 60)),
        }
        return {
            "filing_type": "LISTING",
            "content": content,
            "self_test": self_test,
            "submit": True,
        }

    async def until_answered(
        self,
        who: Token,
        operation: str,
        key: str,
        body: Mapping[str, Any],
        *,
        of: httpx.Response | None = None,
    ) -> httpx.Response | None:
        """Repeat under one key until 2xx, a refusal or the deadline."""
        deadline, pause = time.monotonic() + DEADLINE, _FIRST_PAUSE
        while time.monotonic() < deadline:
            attempt, answer = await self.attempt(who, operation, key, body, of=of)
            if attempt.acknowledged:
                return answer
            if attempt.refused:
                return None
            if attempt.status == 401:
                who.forget()
            asked = float(answer.headers.get("retry-after", 0)) if answer is not None else 0.0
            await asyncio.sleep(max(asked, pause * self.random.uniform(0.5, 1)))
            pause = min(pause * 2, _LONGEST_PAUSE)
        return None

    async def attempt(
        self,
        who: Token,
        operation: str,
        key: str,
        body: Mapping[str, Any],
        *,
        of: httpx.Response | None = None,
        seconds: float = TRY_SECONDS,
    ) -> tuple[Attempt, httpx.Response | None]:
        answer = None
        sent = time.time()
        path, headers = "/v1/filings", {"Idempotency-Key": key}
        if of is not None:
            path += f"/{of.json()['id']}/acceptance"
            headers["If-Match"] = of.headers["etag"]
        with suppress(httpx.HTTPError):
            headers["Authorization"] = f"Bearer {await who.current(self.http)}"
            sent = time.time()
            answer = await self.http.post(path, json=body, headers=headers, timeout=seconds)
        attempt = _read(operation, key, sent, answer)
        os.write(self.ledger, json.dumps(asdict(attempt)).encode() + b"\n")
        return attempt, answer


@asynccontextmanager
async def workload(config: Mapping[str, Any]) -> AsyncIterator[Workload]:
    """The clients of one process, with their own pool and their end of the ledger."""
    ledger = os.open(config["ledger"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    limits = httpx.Limits(max_connections=config["concurrency"] * 2)
    try:
        async with httpx.AsyncClient(
            base_url=config["gateway"], limits=limits, timeout=TRY_SECONDS, trust_env=False
        ) as http:
            yield Workload(
                http=http,
                ledger=ledger,
                filer=Token(*config["filer"]),
                province=Token(*config["province"]),
                template=config["template"],
                checklist=config["checklist"],
                random=random.Random(config["seed"]),
            )
    finally:
        os.close(ledger)


def title_of(key: str) -> str:
    """What tells a filing's key from its own document, whatever the keys' table says."""
    return f"社会保险权益记录查询 {key}"


def key_of(title: str) -> str:
    return title.rpartition(" ")[2]


def _read(operation: str, key: str, sent: float, answer: httpx.Response | None) -> Attempt:
    took = time.time() - sent
    if answer is None:
        return Attempt(key, operation, sent, took, 0)
    try:
        body = answer.json()
    except ValueError:
        return Attempt(key, operation, sent, took, answer.status_code)
    return Attempt(key, operation, sent, took, answer.status_code, body.get("id"), body.get("code"))


def run(config: Mapping[str, Any]) -> None:
    """File until SIGTERM, bring to an end what was begun, and leave."""
    asyncio.run(_run(config))


async def _run(config: Mapping[str, Any]) -> None:
    async with workload(config) as clients, asyncio.TaskGroup() as group:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, clients.stopping.set)
        for _ in range(config["concurrency"]):
            group.create_task(clients.file_until_stopped())
