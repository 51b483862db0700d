"""The audit's hash chain: each entry's hash covers its body and the hash before it (E6).

A bare chain cannot see its own tail cut off, nor a chain that was hashed again from the start:
an exported head can, so verification takes one.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, get_args

from shared.security.canonical import Algorithm, canonical, tagged_hash

GENESIS = "genesis"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as stored; sequences run 1, 2, 3 … without a gap."""

    sequence: int
    previous: str
    body: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain at some time; exported, it is what the chain is held to later."""

    sequence: int = 0
    hash: str = GENESIS


class Fault(StrEnum):
    """What is wrong at the first bad link."""

    OUT_OF_SEQUENCE = "out_of_sequence"
    UNLINKED = "unlinked"
    EDITED = "edited"
    REWRITTEN = "rewritten"
    TAIL_MISSING = "tail_missing"
    ENTRY_MISSING = "entry_missing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`first_bad` is the sequence from which the chain cannot be believed; None when intact."""

    checked: int
    head: Head
    first_bad: int | None = None
    fault: Fault | None = None

    @property
    def intact(self) -> bool:
        return self.fault is None


def entry_hash(previous: str, body: Mapping[str, Any], *, algorithm: Algorithm = "sha-256") -> str:
    """`sha-256:<hex>` over the hash before and the RFC 8785 form of the body; ValueError."""
    # The line feed cannot stand in a hash, so no other pair gives the same bytes.
    return tagged_hash(f"{previous}\n".encode() + canonical(dict(body)), algorithm=algorithm)


async def verify_chain(
    entries: AsyncIterable[Entry] | Iterable[Entry],
    *,
    expected_head: Head | None,
    after: Head | None = None,
) -> Verdict:
    """Walk the chain in stored order and name the first bad link.

    `expected_head` is an exported head that this chain must contain; later entries are welcome.
    `after` is a head that is already trusted: the walk begins behind it, so it must not be later
    than the expected one (ValueError).
    """
    head = after or Head()
    if expected_head is not None and expected_head.sequence < head.sequence:
        raise ValueError("the walk would begin behind the expected head")
    if _contradicts(head, expected_head):
        return Verdict(0, head, head.sequence, Fault.REWRITTEN)
    checked = 0
    async for entry in _each(entries):
        fault = _fault(entry, head)
        if fault is None and _contradicts(entry, expected_head):
            fault = Fault.REWRITTEN
        if fault is not None:
            # Of a gap, the missing one is named; of a sequence that comes twice, the second.
            return Verdict(checked, head, min(entry.sequence, head.sequence + 1), fault)
        head = Head(entry.sequence, entry.hash)
        checked += 1
    if expected_head is not None and head.sequence < expected_head.sequence:
        return Verdict(checked, head, head.sequence + 1, Fault.TAIL_MISSING)
    return Verdict(checked, head)


def _fault(entry: Entry, head: Head) -> Fault | None:
    if entry.sequence != head.sequence + 1:
        return Fault.OUT_OF_SEQUENCE
    if entry.previous != head.hash:
        return Fault.UNLINKED
    if entry.hash != _recomputed(entry):
        return Fault.EDITED
    return None


def _recomputed(entry: Entry) -> str | None:
    # Each hash names its algorithm, so a chain may go over to SM3 in its course.
    name = entry.hash.partition(":")[0]
    for algorithm in get_args(Algorithm):
        if name == algorithm:
            try:
                return entry_hash(entry.previous, entry.body, algorithm=algorithm)
            except ValueError:
                return None
    return None


def _contradicts(link: Entry | Head, expected: Head | None) -> bool:
    return (
        expected is not None and link.sequence == expected.sequence and link.hash != expected.hash
    )


async def _each(entries: AsyncIterable[Entry] | Iterable[Entry]) -> AsyncIterator[Entry]:
    if isinstance(entries, AsyncIterable):
        async for entry in entries:
            yield entry
    else:
        for entry in entries:
            yield entry
