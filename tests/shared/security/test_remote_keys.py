"""Another machine's keys: fetched once for many, kept when it fails, never waited for."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from shared.security.errors import InvalidToken, KeysUnavailable
from shared.security.tokens import Issuer, RemoteKeys, TokenCache, authenticate, issue
from tests.shared.security.tokens import CITY, KEYS, NOW, OWN, token_under, verified


class Remote:
    """Another machine that serves a JWKS, slowly, and sometimes not at all."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.calls = 0
        self.release = asyncio.Event()
        self.release.set()

    async def fetch(self) -> bytes:
        self.calls += 1
        await self.release.wait()
        if self.document is None:
            raise ConnectionError("away")
        return json.dumps(self.document).encode()


def _remote(document: Any, **options: Any) -> tuple[Remote, RemoteKeys, dict[str, Issuer]]:
    remote = Remote(document)
    keys = RemoteKeys(remote.fetch, **options)
    return remote, keys, {OWN: Issuer(OWN, keys)}


async def test_a_hundred_requests_at_a_cold_start_cause_one_fetch() -> None:
    remote, _, issuers = _remote(KEYS.jwks())
    remote.release.clear()
    cache = TokenCache()
    tokens = [verified(number)[0] for number in range(100)]

    waiting = [
        asyncio.create_task(authenticate(token, issuers=issuers, now=NOW, cache=cache))
        for token in tokens
    ]
    await asyncio.sleep(0)
    remote.release.set()
    claims = await asyncio.gather(*waiting)

    assert remote.calls == 1
    assert {claim.jti for claim in claims} == {str(number) for number in range(100)}


async def test_a_storm_of_unknown_kids_causes_one_fetch_in_thirty_seconds() -> None:
    remote, keys, issuers = _remote(KEYS.jwks())
    await keys.refresh(now=NOW - timedelta(hours=1))
    forged = [token_under(kid=f"kid-{number}").encode() for number in range(300)]

    for number, token in enumerate(forged):
        with pytest.raises(InvalidToken):
            await authenticate(
                token,
                issuers=issuers,
                now=NOW + timedelta(seconds=number / 10),
                cache=TokenCache(),
            )

    assert remote.calls - 1 == 1


async def test_a_rotated_key_is_found_by_its_unknown_kid_and_the_old_one_still_holds() -> None:
    remote, keys, issuers = _remote(KEYS.jwks())
    await keys.refresh(now=NOW - timedelta(minutes=1))
    rotated = KEYS.rotated()
    remote.document = rotated.jwks()
    token = issue(rotated, issuer=OWN, actor=CITY, now=NOW, jti="new").encode()

    fresh = await authenticate(token, issuers=issuers, now=NOW, cache=TokenCache())
    old = await authenticate(verified()[0], issuers=issuers, now=NOW, cache=TokenCache())

    assert (fresh.jti, old.jti) == ("new", "1")
    assert remote.calls == 2


@pytest.mark.parametrize("document", [None, {"keys": []}, "text"])
async def test_a_failing_remote_takes_no_known_key_away(document) -> None:
    remote, keys, issuers = _remote(KEYS.jwks())
    await keys.refresh(now=NOW - timedelta(hours=1))
    remote.document = document

    await keys.refresh(now=NOW)
    claims = await authenticate(verified()[0], issuers=issuers, now=NOW, cache=TokenCache())

    assert claims.actor == CITY
    assert keys.failures == 1


async def test_without_any_key_the_answer_is_try_again_and_a_second_later_it_is_tried() -> None:
    remote, _, issuers = _remote(None)
    token = verified()[0]
    for _ in range(5):
        with pytest.raises(KeysUnavailable) as refusal:
            await authenticate(token, issuers=issuers, now=NOW, cache=TokenCache())
        assert refusal.value.retry_after == 1
    assert remote.calls == 1
    remote.document = KEYS.jwks()

    claims = await authenticate(
        token, issuers=issuers, now=NOW + timedelta(seconds=1), cache=TokenCache()
    )

    assert claims.actor == CITY


async def test_an_aged_document_is_fetched_again_while_nobody_waits() -> None:
    remote, keys, issuers = _remote(KEYS.jwks())
    await keys.refresh(now=NOW - timedelta(minutes=5))
    remote.release.clear()

    claims = await authenticate(verified()[0], issuers=issuers, now=NOW, cache=TokenCache())
    await asyncio.sleep(0)

    assert claims.actor == CITY  # answered while the fetch still hangs
    assert remote.calls == 2
    remote.document = KEYS.rotated().rotated().jwks()
    remote.release.set()
    await keys.refresh(now=NOW)
    assert KEYS.current.kid not in keys


async def test_a_remote_that_hangs_is_given_up_and_a_caller_who_leaves_stops_nobody() -> None:
    remote, keys, _ = _remote(KEYS.jwks(), patience=timedelta(milliseconds=50))
    remote.release.clear()
    leaver = asyncio.create_task(keys.refresh(now=NOW))
    stayer = asyncio.create_task(keys.refresh(now=NOW))
    await asyncio.sleep(0)
    leaver.cancel()

    await stayer

    assert (remote.calls, keys.failures, len(keys)) == (1, 1, 0)


async def test_a_clock_set_back_does_not_stop_the_refresh() -> None:
    remote, keys, _ = _remote(KEYS.jwks())
    await keys.refresh(now=NOW)

    await keys.refresh(now=NOW - timedelta(days=1))

    assert remote.calls == 2
