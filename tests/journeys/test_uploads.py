"""Attachments on their way through the real gateway: whole, or refused in words (A21.4, API2)."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.province import Caller, content, found_province, plan, self_test
from tests.shared.http.live import Answer, answers, read_all
from tests.shared.security.documents import PNG
from tests.suite import LABOUR, Suite

KIB, MIB = 1024, 1024 * 1024
MOST = 10 * MIB
PATH = "/v1/attachments?name=a.png"


def picture(size: int) -> bytes:
    """A picture of this many bytes, unlike any other."""
    head, end = PNG[:-12], PNG[-12:]
    noise = secrets.token_bytes(size - len(PNG) - 12)
    return head + len(noise).to_bytes(4, "big") + b"teXt" + noise + b"\0\0\0\0" + end


@pytest.fixture(scope="module")
async def platform(suite: Suite) -> AsyncIterator[httpx.AsyncClient]:
    client = await suite.serve_all()
    await found_province(suite, client)
    await plan(suite, client, LABOUR, "demo-rst-001")
    async with httpx.AsyncClient(base_url=client.base_url, timeout=60) as patient:
        yield patient


async def upload(
    suite: Suite, platform: httpx.AsyncClient, data: Any, **more: str
) -> httpx.Response:
    headers = suite.headers(LABOUR, **{"Content-Type": "image/png", **more})
    return await platform.post(PATH, content=data, headers=headers)


@pytest.mark.parametrize("size", [64 * KIB, 2 * MIB, 9 * MIB])
async def test_a_file_comes_back_byte_for_byte(
    suite: Suite, platform: httpx.AsyncClient, size: int
):
    data, caller = picture(size), Caller(suite, platform, LABOUR)

    sent = await upload(suite, platform, data)
    cited = {"name": "a.png", "sha256": sent.json()["sha256"], "size": sent.json()["size"]}
    body = {"filing_type": "LISTING", "content": content("demo-rst-001", LABOUR)}
    draft = await caller.post("/v1/filings", body)
    report = self_test(draft.json()["digest"], suite, attachments=[cited])
    path = f"/v1/filings/{draft.json()['id']}"
    filed = await caller.post(f"{path}/submission", {"self_test": report}, match="*")
    found = await caller.get(f"{path}/attachments/{cited['sha256']}")

    assert sent.status_code == 201, sent.text
    assert (cited["size"], cited["sha256"]) == (size, sha256(data).hexdigest())
    assert filed.status_code == 200, filed.text
    assert found.content == data


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 256 * KIB):
        yield data[at : at + 256 * KIB]


@pytest.mark.feature("API2")
@pytest.mark.parametrize("size", [MOST + 1, 11 * MIB, 24 * MIB])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_file_that_is_too_large_is_refused_in_words(
    suite: Suite, platform: httpx.AsyncClient, size: int, chunked: bool
):
    data = picture(size)

    refused = await upload(suite, platform, pieces(data) if chunked else data)

    assert refused.status_code == 413, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "too_large"


@pytest.mark.feature("API2")
async def test_who_sends_a_file_without_a_token_reads_why_it_is_refused(
    platform: httpx.AsyncClient,
):
    refused = await platform.post(PATH, content=picture(9 * MIB))

    assert refused.status_code == 401
    assert refused.json()["code"] == "token_missing"


@pytest.mark.usefixtures("platform")
@pytest.mark.feature("API2")
async def test_who_asks_first_sends_only_what_is_taken(suite: Suite):
    good = suite.headers(LABOUR, **{"Content-Type": "image/png"})
    stranger = {"Content-Type": "image/png"}

    told, taken = await asyncio.to_thread(ask_first, suite, good, picture(2 * MIB))
    large = await asyncio.to_thread(ask_first, suite, good, picture(MOST + 1))
    unknown = await asyncio.to_thread(ask_first, suite, stranger, picture(2 * MIB))

    assert (told, taken.status) == (b"HTTP/1.1 100 Continue\r\n\r\n", 201)
    for (first, refusal), status in ((large, 413), (unknown, 401)):
        assert (first, refusal.status) == (b"", status)
        assert refusal.problem["status"] == status
        assert refusal.headers["connection"] == "close"


def ask_first(suite: Suite, fields: dict[str, str], data: bytes) -> tuple[bytes, Answer]:
    """Announce a file, and send it only when told to; what came before and after that."""
    at = urlsplit(suite.urls["gateway"])
    own = {"Host": at.netloc, "Content-Length": str(len(data)), "Expect": "100-continue"}
    lines = [f"{name}: {value}" for name, value in (own | fields).items()]
    with socket.create_connection((at.hostname, at.port), timeout=20) as connection:
        connection.sendall("\r\n".join([f"POST {PATH} HTTP/1.1", *lines, "", ""]).encode())
        first = connection.recv(65536)
        if not first.startswith(b"HTTP/1.1 100 "):
            (refusal,) = answers(first + read_all(connection, quiet=5))
            return b"", refusal
        connection.sendall(data)
        (answer,) = answers(connection.recv(65536) + read_all(connection))
        return first, answer
