"""Ready-made answers of public reads: kept by size, filled once, dropped by events.

Nothing that depends on who asked gets here (`page.may_be_kept`). A fill that began before an event
about its content is never kept.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from gateway.page import Filled, Key, Page, make_page, may_be_kept

_REMEMBERED: Final = 4096  # keys not to be kept, and tags dropped while a fill was on its way
_PACKED_IN_LOOP: Final = 128 * 1024  # bytes; a larger body is packed in a thread
_PASS_BY_SECONDS: Final = 1.0


Fill = Callable[[], Awaitable[Filled]]


class ResponseCache:
    """Pages by key, at most `most_bytes` of them, each for at most `ttl` seconds."""

    def __init__(
        self, *, now: Callable[[], float], most_bytes: int = 64 * 2**20, ttl: float = 30.0
    ) -> None:
        self._now = now
        self._most = most_bytes
        self._ttl = ttl
        self._pages: OrderedDict[Key, Page] = OrderedDict()
        self._keys_of: dict[str, set[Key]] = {}
        self._flights: dict[Key, asyncio.Task[tuple[Page | None, Filled]]] = {}
        self._filling = 0
        self._events = 0
        self._dropped_at: dict[str, int] = {}
        self._all_dropped_at = 0
        self._passed: OrderedDict[Key, float] = OrderedDict()
        self.bytes_held = 0
        self.hits = 0
        self.misses = 0

    def get(self, key: Key) -> Page | None:
        page = self._pages.get(key)
        if page is None:
            return None
        if page.expires <= self._now():
            self._remove(key)
            return None
        self._pages.move_to_end(key)
        self.hits += 1
        return page

    async def get_or_fill(
        self, key: Key, operation: str, fill: Fill
    ) -> tuple[Page | None, Filled | None]:
        """The page; or, where the answer is not to be kept, the answer itself or nothing.

        Callers of one key share one fill, which no caller's leaving ends. `(None, None)`: the
        answer of that fill was not for everybody, so this caller asks for itself.
        """
        page = self.get(key)
        if page is not None:
            return page, None
        self.misses += 1
        if self._passed.get(key, 0.0) > self._now():
            return None, await fill()
        flight = self._flights.get(key)
        leads = flight is None
        if flight is None:
            flight = asyncio.create_task(self._fill(key, operation, fill))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        page, filled = await asyncio.shield(flight)
        return page, filled if leads and page is None else None

    def invalidate(self, tag: str) -> None:
        """An event says that what carries this tag has changed."""
        self._events += 1
        self._dropped_at[tag] = self._events
        if len(self._dropped_at) > _REMEMBERED:
            self._all_dropped_at = (
                self._events
            )  # fills on their way are not kept, whatever they show
            self._dropped_at.clear()
        for key in list(self._keys_of.get(tag, ())):
            self._remove(key)
        self._forget_flights()

    def invalidate_all(self) -> None:
        """Events may have been missed: nothing that is kept, or on its way, can be trusted."""
        self._events += 1
        self._all_dropped_at = self._events
        self._pages.clear()
        self._keys_of.clear()
        self.bytes_held = 0
        self._forget_flights()

    def __len__(self) -> int:
        return len(self._pages)

    async def _fill(self, key: Key, operation: str, fill: Fill) -> tuple[Page | None, Filled]:
        began = self._events
        self._filling += 1
        try:
            filled = await fill()
            if not may_be_kept(filled.status, filled.headers):
                self._pass_by(key)
                return None, filled
            expires = self._now() + self._ttl
            if len(filled.body) > _PACKED_IN_LOOP:
                page = await asyncio.to_thread(make_page, filled, operation, expires=expires)
            else:
                page = make_page(filled, operation, expires=expires)
            if page.size <= self._most and not self._changed_since(began, page.tags):
                self._keep(key, page)
            return page, filled
        finally:
            self._filling -= 1
            if not self._filling:
                self._dropped_at.clear()

    def _changed_since(self, began: int, tags: Iterable[str]) -> bool:
        return self._all_dropped_at > began or any(
            self._dropped_at.get(tag, 0) > began for tag in tags
        )

    def _landed(self, key: Key, flight: "asyncio.Task[tuple[Page | None, Filled]]") -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # every waiter has it; without one it is nobody's

    def _forget_flights(self) -> None:
        """Whoever asks after an event waits for no fill that began before it."""
        self._flights.clear()
        if not self._filling:
            self._dropped_at.clear()  # what began before is done

    def _keep(self, key: Key, page: Page) -> None:
        self._remove(key)
        self._pages[key] = page
        self.bytes_held += page.size
        for tag in page.tags:
            self._keys_of.setdefault(tag, set()).add(key)
        while self.bytes_held > self._most:
            self._remove(next(iter(self._pages)))

    def _remove(self, key: Key) -> None:
        page = self._pages.pop(key, None)
        if page is None:
            return
        self.bytes_held -= page.size
        for tag in page.tags:
            keys = self._keys_of[tag]
            keys.discard(key)
            if not keys:
                del self._keys_of[tag]

    def _pass_by(self, key: Key) -> None:
        self._passed[key] = self._now() + _PASS_BY_SECONDS
        self._passed.move_to_end(key)
        if len(self._passed) > _REMEMBERED:
            self._passed.popitem(last=False)
