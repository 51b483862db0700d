"""The response cache: filled once, bounded, and never staler than the last event."""

import asyncio
import gzip

import pytest

from gateway.cache import ResponseCache
from gateway.page import (
    Filled,
    Key,
    language_of,
    make_page,
    matches,
    may_be_kept,
    send_page,
    service_etags,
)
from shared.http.encoding import accepts_gzip

PUBLIC = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"public, max-age=5"),
    (b"vary", b"Accept-Language"),
)
BODY = '{"items":["社保查询"]}'.encode() * 100
KEY = Key(b"ganfutong.test", b"/v1/listings", "zh-CN")


def filled(body: bytes = BODY, *more: tuple[bytes, bytes]) -> Filled:
    return Filled(200, [*PUBLIC, *more], body)


class Service:
    """What stands behind the cache; answers when it is let."""

    def __init__(self, *answers: Filled) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.gates = [asyncio.Event() for _ in answers]

    async def __call__(self) -> Filled:
        number = self.asked
        self.asked += 1
        await self.gates[number].wait()
        return self.answers[number]

    def let(self, number: int) -> None:
        self.gates[number].set()


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def cache(clock: list[float]) -> ResponseCache:
    return ResponseCache(now=lambda: clock[0], most_bytes=200_000, ttl=30)


async def answer() -> Filled:
    return filled()


async def test_many_who_miss_at_once_cost_one_fill(cache: ResponseCache) -> None:
    service = Service(filled())
    asking = [
        asyncio.create_task(cache.get_or_fill(KEY, "listListings", service)) for _ in range(50)
    ]
    await asyncio.sleep(0)
    service.let(0)

    pages = [page for page, _ in await asyncio.gather(*asking)]

    assert service.asked == 1
    assert len({id(page) for page in pages}) == 1
    assert cache.get(KEY) is pages[0]


async def test_the_first_asker_leaving_does_not_end_the_fill_of_the_others(
    cache: ResponseCache,
) -> None:
    service = Service(filled())
    first = asyncio.create_task(cache.get_or_fill(KEY, "op", service))
    second = asyncio.create_task(cache.get_or_fill(KEY, "op", service))
    await asyncio.sleep(0)

    first.cancel()
    service.let(0)
    page, _ = await second

    assert page is not None
    assert service.asked == 1


async def test_a_fill_that_fails_fails_for_all_who_wait_and_is_forgotten(
    cache: ResponseCache,
) -> None:
    async def broken() -> Filled:
        raise ConnectionError

    results = await asyncio.gather(
        *(cache.get_or_fill(KEY, "op", broken) for _ in range(3)), return_exceptions=True
    )
    page, _ = await cache.get_or_fill(KEY, "op", answer)

    assert [type(result) for result in results] == [ConnectionError] * 3
    assert page is not None


@pytest.mark.parametrize("everything", [False, True])
async def test_a_fill_that_began_before_an_event_is_not_kept(
    cache: ResponseCache, everything: bool
) -> None:
    service = Service(
        filled(b"old", (b"cache-tag", b"listing:1, org:a")), filled(b"new", (b"cache-tag", b"x"))
    )
    before = asyncio.create_task(cache.get_or_fill(KEY, "op", service))
    await asyncio.sleep(0.01)

    if everything:
        cache.invalidate_all()
    else:
        cache.invalidate("listing:1")
    after = asyncio.create_task(cache.get_or_fill(KEY, "op", service))
    await asyncio.sleep(0.01)
    service.let(1)
    new, _ = await after
    service.let(0)
    old, _ = await before

    assert old is not None
    assert old.plain.body == b"old"
    assert new is not None
    assert new.plain.body == b"new"
    assert cache.get(KEY) is new


async def test_an_event_about_something_else_does_not_hinder_a_fill(cache: ResponseCache) -> None:
    service = Service(filled(b"x", (b"cache-tag", b"listing:1")))
    asking = asyncio.create_task(cache.get_or_fill(KEY, "op", service))
    await asyncio.sleep(0.01)

    cache.invalidate("listing:2")
    service.let(0)
    page, _ = await asking

    assert cache.get(KEY) is page


async def test_a_flood_of_events_during_a_fill_is_bounded_and_safe(cache: ResponseCache) -> None:
    service = Service(filled(b"x", (b"cache-tag", b"listing:1")))
    asking = asyncio.create_task(cache.get_or_fill(KEY, "op", service))
    await asyncio.sleep(0.01)

    cache.invalidate("listing:1")
    for number in range(10_000):
        cache.invalidate(f"other:{number}")
    held = len(cache._dropped_at)
    service.let(0)
    await asking

    assert held <= 4097
    assert cache.get(KEY) is None


async def test_an_event_drops_every_page_with_its_tag_and_no_other(cache: ResponseCache) -> None:
    for number in range(4):
        key = Key(b"h", b"/%d" % number, "en")
        tags = b"listing:%d, parity:%d" % (number, number % 2)

        async def fill(tags: bytes = tags) -> Filled:
            return filled(b"x", (b"cache-tag", tags))

        await cache.get_or_fill(key, "op", fill)

    cache.invalidate("parity:1")

    held = [cache.get(Key(b"h", b"/%d" % number, "en")) is not None for number in range(4)]
    assert held == [True, False, True, False]
    assert set(cache._keys_of) == {"listing:0", "listing:2", "parity:0"}


async def test_a_page_is_served_no_longer_than_its_time(
    cache: ResponseCache, clock: list[float]
) -> None:
    await cache.get_or_fill(KEY, "op", answer)

    clock[0] += 29.9
    fresh = cache.get(KEY)
    clock[0] += 0.2
    stale = cache.get(KEY)

    assert fresh is not None
    assert stale is None
    assert cache.bytes_held == 0


async def test_what_was_used_least_recently_goes_first(cache: ResponseCache) -> None:
    async def fill() -> Filled:
        return filled(b"".join(b"%05d" % (n * 7919 % 99991) for n in range(8000)))  # ~ 60 KB held

    keys = [Key(b"h", b"/%d" % number, "en") for number in range(4)]
    for key in keys[:3]:
        await cache.get_or_fill(key, "op", fill)
        cache.get(keys[0])
    await cache.get_or_fill(keys[3], "op", fill)

    assert cache.get(keys[0]) is not None
    assert cache.get(keys[1]) is None
    assert 0 < cache.bytes_held <= 200_000
    assert cache.bytes_held == sum(page.size for page in cache._pages.values())


async def test_an_answer_larger_than_the_cache_is_served_and_not_kept(cache: ResponseCache) -> None:
    async def fill() -> Filled:
        return filled(b"x" * 300_000)

    page, _ = await cache.get_or_fill(KEY, "op", fill)

    assert page is not None
    assert len(cache) == 0


PRIVATE = {
    "no cache-control": Filled(200, [(b"content-type", b"a/b")], b""),
    "private": Filled(200, [(b"cache-control", b"private, public")], b""),
    "no-store": Filled(200, [(b"Cache-Control", b"public, no-store")], b""),
    "a cookie": filled(b"", (b"set-cookie", b"a=b")),
    "varies by caller": filled(b"", (b"Vary", b"Authorization")),
    "varies by all": filled(b"", (b"vary", b"*")),
    "an error": Filled(404, PUBLIC, b""),
    "coded already": filled(b"", (b"content-encoding", b"br")),
}


@pytest.mark.parametrize("case", PRIVATE)
async def test_what_may_depend_on_the_caller_is_never_kept_nor_shared(
    cache: ResponseCache, case: str
) -> None:
    service = Service(PRIVATE[case], PRIVATE[case])
    service.let(0)
    service.let(1)
    asking = [asyncio.create_task(cache.get_or_fill(KEY, "op", service)) for _ in range(2)]

    results = await asyncio.gather(*asking)
    again = await cache.get_or_fill(KEY, "op", service)

    assert not may_be_kept(PRIVATE[case].status, PRIVATE[case].headers)
    assert results == [(None, PRIVATE[case]), (None, None)]
    assert again == (None, PRIVATE[case])
    assert cache.get(KEY) is None


@pytest.mark.feature("API4")
@pytest.mark.feature("API11")
def test_representations_have_strong_tags_of_their_own() -> None:
    page = make_page(filled(BODY, (b"ETag", b'"7"')), "op", expires=0)

    assert page.plain.etag == b'"7"'
    assert page.gzipped is not None
    assert page.gzipped.etag == b'"7-gz"'
    assert gzip.decompress(page.gzipped.body) == BODY
    assert b"content-encoding: gzip" in page.gzipped.head
    assert b"content-encoding" not in page.plain.head
    assert b"vary: Accept-Encoding, Accept-Language" in page.plain.head
    assert b"x-content-type-options: nosniff" in page.plain.head
    assert b"cache-control: public, max-age=5" in page.plain.not_modified
    assert b"content-length" not in page.plain.not_modified
    assert service_etags(b'"7-gz"') == b'"7"'


def test_a_weak_or_missing_tag_is_replaced_by_one_of_the_body() -> None:
    weak = make_page(filled(BODY, (b"etag", b'W/"7"')), "op", expires=0)
    none = make_page(filled(BODY), "op", expires=0)
    other = make_page(filled(BODY + b" "), "op", expires=0)

    assert weak.plain.etag == none.plain.etag != other.plain.etag
    assert not none.plain.etag.startswith(b"W/")


def test_small_answers_are_not_packed_and_tags_do_not_leave() -> None:
    page = make_page(filled(b"{}", (b"Cache-Tag", b"listing:1")), "op", expires=0)

    assert page.gzipped is None
    assert page.for_encoding(b"gzip") is page.plain
    assert b"cache-tag" not in page.plain.head
    assert page.tags == {"listing:1"}


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        (b"gzip", True),
        (b"br, GZIP;q=0.5", True),
        (b"*", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000, *", False),
        (b"*;q=0", False),
        (b"br", False),
        (b"", False),
        (b"xgzip", False),
    ],
)
def test_accept_encoding_is_read_as_it_is_meant(value: bytes, accepted: bool) -> None:
    assert accepts_gzip(value) is accepted


@pytest.mark.parametrize(
    ("condition", "same"),
    [
        (b'"7"', True),
        (b'W/"7"', True),
        (b'"1", "7"', True),
        (b"*", True),
        (b'"77"', False),
        (b'"7-gz"', False),
    ],
)
def test_if_none_match_is_compared_weakly(condition: bytes, same: bool) -> None:
    assert matches(condition, b'"7"') is same


def test_languages_are_negotiated_once() -> None:
    assert language_of(None) == "zh-CN"
    assert language_of(b"en-GB, zh;q=0.5") == "en"


async def test_a_page_answers_over_asgi_what_the_fast_path_did_not() -> None:
    page = make_page(filled(BODY), "op", expires=0)
    sent: list[dict[str, object]] = []

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message)

    whole = await send_page(send, page.plain, conditions=None, more=[(b"x-a", b"b")])
    fresh = await send_page(send, page.plain, conditions=page.plain.etag, more=[])

    assert (whole, fresh) == (200, 304)
    assert (b"x-a", b"b") in dict(sent[0])["headers"]  # type: ignore[operator] # ASGI messages are loose
    assert sent[1]["body"] == BODY
    assert sent[3]["body"] == b""
