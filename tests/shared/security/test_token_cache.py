"""Verified tokens are kept until they end or are revoked, refused ones for seconds."""

from datetime import timedelta

import pytest

from shared.security.errors import InvalidToken, Reason
from shared.security.tokens import TokenCache, authenticate
from tests.shared.security.tokens import (
    CITY,
    GOOD_CLAIMS,
    GOOD_HEADER,
    ISSUERS,
    NOW,
    STRANGER,
    signed,
    verified,
)


def test_a_cached_token_still_ends_in_time() -> None:
    cache = TokenCache()
    token, claims = verified()
    cache.keep(token, claims, now=NOW)

    assert cache.get(token, now=NOW + timedelta(minutes=10, seconds=29)) is claims
    with pytest.raises(InvalidToken) as refusal:
        cache.get(token, now=NOW + timedelta(minutes=10, seconds=30))
    assert refusal.value.reason is Reason.EXPIRED


def test_the_least_recently_used_token_makes_room() -> None:
    cache = TokenCache(capacity=2)
    (first, one), (second, two), (third, three) = (verified(number) for number in (1, 2, 3))
    cache.keep(first, one, now=NOW)
    cache.keep(second, two, now=NOW)
    cache.get(first, now=NOW)

    cache.keep(third, three, now=NOW)

    assert [cache.get(token, now=NOW) for token in (first, second, third)] == [one, None, three]


def test_a_refusal_is_remembered_for_seconds_and_a_flood_evicts_no_one() -> None:
    cache = TokenCache(capacity=10, refusals=10)
    token, claims = verified()
    cache.keep(token, claims, now=NOW)

    for number in range(1000):
        cache.refuse(b"forged %d" % number, InvalidToken(Reason.SIGNATURE), now=NOW)

    assert cache.get(token, now=NOW) is claims
    assert len(cache._refused) == 10
    with pytest.raises(InvalidToken):
        cache.get(b"forged 999", now=NOW + timedelta(seconds=2))
    assert cache.get(b"forged 999", now=NOW + timedelta(seconds=3)) is None


def test_a_huge_or_perhaps_soon_known_token_takes_no_room_among_the_refused() -> None:
    cache = TokenCache()

    cache.refuse(b"x" * 10_000, InvalidToken(Reason.MALFORMED), now=NOW)
    cache.refuse(b"kid", InvalidToken(Reason.UNKNOWN_KEY), now=NOW)

    assert not cache._refused


def test_a_revoked_client_falls_at_once_and_its_later_tokens_count_again() -> None:
    cache = TokenCache()
    token, claims = verified()
    cache.keep(token, claims, now=NOW)
    cache.revoke_client(CITY.client_id, now=NOW + timedelta(seconds=5))

    later, later_claims = verified(2, now=NOW + timedelta(seconds=6))
    cache.keep(later, later_claims, now=NOW + timedelta(seconds=6))

    assert cache.get(later, now=NOW + timedelta(seconds=7)) is later_claims
    with pytest.raises(InvalidToken) as refusal:
        cache.get(token, now=NOW + timedelta(seconds=7))
    assert refusal.value.reason is Reason.REVOKED
    with pytest.raises(InvalidToken):
        cache.keep(token, claims, now=NOW + timedelta(seconds=7))


def test_a_revoked_token_falls_alone_and_is_forgotten_when_no_such_token_can_live() -> None:
    cache = TokenCache()
    (first, one), (second, two) = verified(1), verified(2)
    cache.keep(first, one, now=NOW)
    cache.keep(second, two, now=NOW)

    cache.revoke_token("1", now=NOW)

    assert cache.get(second, now=NOW) is two
    with pytest.raises(InvalidToken):
        cache.get(first, now=NOW)
    cache.revoke_token("2", now=NOW + timedelta(minutes=17))
    assert set(cache._revoked_tokens) == {"2"}


async def test_a_forgery_is_verified_once_and_then_refused_from_memory() -> None:
    cache = TokenCache()
    forged = signed(GOOD_HEADER, GOOD_CLAIMS, STRANGER).encode()

    for _ in range(3):
        with pytest.raises(InvalidToken) as refusal:
            await authenticate(forged, issuers=ISSUERS, now=NOW, cache=cache)
        assert refusal.value.reason is Reason.SIGNATURE

    assert list(cache._refused) == [forged]
