"""The search of one process: every public listing by its terms and attributes, in memory.

A listing's slot is its place in the order of first publication, so a page that is being walked
never shifts. A change is entered by its epoch; an older one never replaces a newer.
"""

import struct
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.catalog.rules.listings import PUBLIC
from services.catalog.rules.search_terms import PAIR, Wanted, terms, wanted
from shared.security.identity import PROVINCE_REGION, scope_prefix


@dataclass(frozen=True, slots=True)
class Search:
    """What a caller asks for; an empty member asks for nothing in particular.

    `region` finds the region and everything below it, and with `include_provincial` also what is
    listed for the whole province.
    """

    q: str = ""
    region: str = ""
    include_provincial: bool = True
    organisation: str = ""
    item_type: str = ""
    item: str = ""
    kind: str = ""
    audience: str = ""
    channel: str = ""
    states: tuple[str, ...] = ("LISTED",)


@dataclass(frozen=True, slots=True)
class Entry:
    """One listing as the index holds it; the texts are normalised."""

    id: UUID
    number: int
    epoch: int
    state: str
    region: str
    organisation: str
    item_type: str
    item: str
    kind: str
    audiences: tuple[str, ...]
    channels: tuple[str, ...]
    title_text: str
    search_text: str

    def attributes(self) -> Iterable[tuple[str, str]]:
        yield "state", self.state
        yield "region", self.region
        yield "organisation", self.organisation
        yield "item_type", self.item_type
        yield "item", self.item
        yield "kind", self.kind
        for audience in self.audiences:
            yield "audience", audience
        for channel in self.channels:
            yield "channel", channel


Place = tuple[int, int]
"""Where a match stands: 0 when its title matches, else 1; then its number."""


@dataclass(frozen=True, slots=True)
class Matches:
    """The first matches after a place, and how many there are in all."""

    ids: list[UUID]
    places: list[Place]
    total: int


@dataclass
class Postings:
    """The slots of each term of one text, ascending; as a bit set when first asked for."""

    text: Callable[[Entry], str]
    slots: dict[str, list[int]] = field(default_factory=dict)
    _bits: dict[str, int] = field(default_factory=dict)

    def bits(self, term: str) -> int:
        found = self._bits.get(term)
        if found is None:
            found = self._bits[term] = _bits_of(self.slots.get(term, ()))
        return found

    def add(self, slot: int, entry: Entry) -> set[str]:
        """Enter a text; the terms that no text had before."""
        fresh: set[str] = set()
        for term in terms(self.text(entry)):
            slots = self.slots.get(term)
            if slots is None:
                self.slots[term] = [slot]
                fresh.add(term)
            elif not slots or slots[-1] < slot:
                slots.append(slot)
            else:
                insort(slots, slot)
            if self._bits:
                self._bits.pop(term, None)
        return fresh

    def remove(self, slot: int, entry: Entry) -> None:
        for term in terms(self.text(entry)):
            self.slots[term].remove(slot)
            self._bits.pop(term, None)


@dataclass
class SearchIndex:
    """Postings by term, ascending by slot, and bit sets by attribute."""

    epoch: int = -1
    _entries: list[Entry] = field(default_factory=list)
    _numbers: list[int] = field(default_factory=list)
    _slots: dict[UUID, int] = field(default_factory=dict)
    _texts: Postings = field(default_factory=lambda: Postings(lambda entry: entry.search_text))
    _titles: Postings = field(default_factory=lambda: Postings(lambda entry: entry.title_text))
    _words: list[str] = field(default_factory=list)
    _bits: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def loaded(self) -> bool:
        return self.epoch >= 0

    def __len__(self) -> int:
        return len(self._entries)

    def apply(self, entries: Sequence[Entry], *, epoch: int) -> None:
        """Enter changes, in any order; listings that are new come in the order of their numbers."""
        for entry in sorted(entries, key=lambda each: each.number):
            slot = self._slots.get(entry.id)
            if slot is None:
                self._append(entry)
            elif self._entries[slot].epoch < entry.epoch:
                self._replace(slot, entry)
        self.epoch = max(self.epoch, epoch)

    def _append(self, entry: Entry) -> None:
        slot = len(self._entries)
        self._entries.append(entry)
        self._numbers.append(entry.number)
        self._slots[entry.id] = slot
        self._enter(slot, entry)

    def _replace(self, slot: int, entry: Entry) -> None:
        old = self._entries[slot]
        self._texts.remove(slot, old)
        self._titles.remove(slot, old)
        for attribute in old.attributes():
            self._bits[attribute] &= ~(1 << slot)
        self._entries[slot] = entry
        self._enter(slot, entry)

    def _enter(self, slot: int, entry: Entry) -> None:
        self._titles.add(slot, entry)
        for term in self._texts.add(slot, entry):
            if term.isascii() and term.isalnum():
                insort(self._words, term)
        for attribute in entry.attributes():
            self._bits[attribute] = self._bits.get(attribute, 0) | 1 << slot

    def find(self, search: Search, *, after: Place | None, limit: int) -> Matches:
        """One page of the matches, and their number; both by the same filter (C3)."""
        allowed = self._allowed(search)
        if not search.q:
            return self._page(allowed, tier=0, after=after, limit=limit, total=allowed.bit_count())
        asked = wanted(search.q)
        if not asked:
            return Matches([], [], 0)
        found = self._matching(self._texts, asked) & allowed
        titles = self._matching(self._titles, asked) & found
        total = found.bit_count()
        first = self._page(titles, tier=0, after=after, limit=limit, total=total)
        if len(first.ids) == limit:
            return first
        rest = self._page(
            found & ~titles, tier=1, after=after, limit=limit - len(first.ids), total=total
        )
        return Matches(first.ids + rest.ids, first.places + rest.places, total)

    def _page(
        self, bits: int, *, tier: int, after: Place | None, limit: int, total: int
    ) -> Matches:
        start = 0
        if after is not None and after[0] > tier:
            return Matches([], [], total)
        if after is not None and after[0] == tier:
            start = bisect_left(self._numbers, after[1] + 1)
        slots = _lowest(bits >> start, limit) if limit else []
        entries = [self._entries[start + slot] for slot in slots]
        return Matches(
            [entry.id for entry in entries], [(tier, entry.number) for entry in entries], total
        )

    def _allowed(self, search: Search) -> int:
        """The slots that every filter but the text lets through."""
        bits = self._any("state", [state for state in search.states if state in PUBLIC])
        if search.region:
            prefix = scope_prefix(search.region)
            regions = [
                value for name, value in self._bits if name == "region" and value.startswith(prefix)
            ]
            bits &= self._any("region", regions + [PROVINCE_REGION] * search.include_provincial)
        for name, value in (
            ("organisation", search.organisation),
            ("item_type", search.item_type),
            ("item", search.item),
            ("kind", search.kind),
            ("audience", search.audience),
            ("channel", search.channel),
        ):
            if value:
                bits &= self._bits.get((name, value), 0)
        return bits

    def _any(self, name: str, values: Iterable[str]) -> int:
        bits = 0
        for value in values:
            bits |= self._bits.get((name, value), 0)
        return bits

    def _matching(self, postings: Postings, asked: Wanted) -> int:
        """The slots where every run and every word of the query is found."""
        bits = -1
        for run in asked.runs:
            bits &= self._run_bits(postings, run)
        for word in asked.words:
            bits &= self._word_bits(postings, word)
        return bits

    def _run_bits(self, postings: Postings, run: str) -> int:
        """A run of one or two characters is a term; a longer one is looked up in the text."""
        if len(run) <= PAIR:
            return postings.bits(run)
        pairs = -1
        for place in range(len(run) - 1):
            pairs &= postings.bits(run[place : place + PAIR])
        return _bits_of(
            slot for slot in _lowest(pairs) if run in postings.text(self._entries[slot])
        )

    def _word_bits(self, postings: Postings, word: str) -> int:
        """Whole words and words that begin with it."""
        bits = 0
        for place in range(bisect_left(self._words, word), len(self._words)):
            if not self._words[place].startswith(word):
                break
            bits |= postings.bits(self._words[place])
        return bits


def _bits_of(slots: Iterable[int]) -> int:
    ordered = list(slots)
    if not ordered:
        return 0
    bits = bytearray(max(ordered) // 8 + 1)
    for slot in ordered:
        bits[slot >> 3] |= 1 << (slot & 7)
    return int.from_bytes(bits, "little")


def _lowest(bits: int, count: int | None = None) -> list[int]:
    """The places of the lowest set bits, ascending; of all without a count."""
    found: list[int] = []
    size = (bits.bit_length() + 63) // 64 * 8
    for base, (word,) in enumerate(struct.iter_unpack("<Q", bits.to_bytes(size, "little"))):
        while word:
            lowest = word & -word
            found.append(base * 64 + lowest.bit_length() - 1)
            if len(found) == count:
                return found
            word ^= lowest  # noqa: PLW2901 the word is used up bit by bit
    return found
