"""A chain that was touched anywhere names its first bad link."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.security.audit import GENESIS, Entry, Fault, Head, Verdict, entry_hash, verify_chain
from shared.security.canonical import Algorithm

BODIES = [{"action": "filing.accept", "subject": f"f-{number}"} for number in range(1, 11)]


def _chain(bodies: Iterable[Mapping[str, Any]], *, algorithm: Algorithm = "sha-256") -> list[Entry]:
    entries: list[Entry] = []
    for body in bodies:
        previous = entries[-1].hash if entries else GENESIS
        entries.append(
            Entry(len(entries) + 1, previous, body, entry_hash(previous, body, algorithm=algorithm))
        )
    return entries


def _head(entries: list[Entry]) -> Head:
    return Head(entries[-1].sequence, entries[-1].hash)


GOOD = _chain(BODIES)
EXPORTED = _head(GOOD)


def _edit(chain: list[Entry]) -> list[Entry]:
    return [*chain[:4], replace(chain[4], body={"action": "filing.refuse"}), *chain[5:]]


def _edit_and_rehash_the_row(chain: list[Entry]) -> list[Entry]:
    body = {"action": "filing.refuse"}
    changed = replace(chain[4], body=body, hash=entry_hash(chain[4].previous, body))
    return [*chain[:4], changed, *chain[5:]]


def _delete_middle(chain: list[Entry]) -> list[Entry]:
    return [*chain[:4], *chain[5:]]


def _delete_middle_and_renumber(chain: list[Entry]) -> list[Entry]:
    kept = _delete_middle(chain)
    return [replace(entry, sequence=number) for number, entry in enumerate(kept, 1)]


def _delete_first(chain: list[Entry]) -> list[Entry]:
    return chain[1:]


def _delete_tail(chain: list[Entry]) -> list[Entry]:
    return chain[:-3]


def _delete_all(_: list[Entry]) -> list[Entry]:
    return []


def _reorder(chain: list[Entry]) -> list[Entry]:
    swapped = [*chain[:4], chain[5], chain[4], *chain[6:]]
    return [replace(entry, sequence=number) for number, entry in enumerate(swapped, 1)]


def _insert(chain: list[Entry]) -> list[Entry]:
    body = {"action": "filing.accept", "subject": "forged"}
    forged = Entry(5, chain[3].hash, body, entry_hash(chain[3].hash, body))
    rest = [replace(entry, sequence=entry.sequence + 1) for entry in chain[4:]]
    return [*chain[:4], forged, *rest]


def _double(chain: list[Entry]) -> list[Entry]:
    return [*chain[:5], chain[4], *chain[5:]]


def _rehash_all(_: list[Entry]) -> list[Entry]:
    return _chain([{"action": "filing.refuse"}, *BODIES[1:]])


def _rehash_all_and_go_on(_: list[Entry]) -> list[Entry]:
    return _chain([{"action": "filing.refuse"}, *BODIES[1:], *BODIES])


@pytest.mark.feature("E6")
@pytest.mark.parametrize(
    ("tamper", "first_bad", "fault"),
    [
        (_edit, 5, Fault.EDITED),
        (_edit_and_rehash_the_row, 6, Fault.UNLINKED),
        (_delete_middle, 5, Fault.OUT_OF_SEQUENCE),
        (_delete_middle_and_renumber, 5, Fault.UNLINKED),
        (_delete_first, 1, Fault.OUT_OF_SEQUENCE),
        (_delete_tail, 8, Fault.TAIL_MISSING),
        (_delete_all, 1, Fault.TAIL_MISSING),
        (_reorder, 5, Fault.UNLINKED),
        (_insert, 6, Fault.UNLINKED),
        (_double, 5, Fault.OUT_OF_SEQUENCE),
        (_rehash_all, 10, Fault.REWRITTEN),
        (_rehash_all_and_go_on, 10, Fault.REWRITTEN),
    ],
)
async def test_tampering_is_located(
    tamper: Callable[[list[Entry]], list[Entry]], first_bad: int, fault: Fault
) -> None:
    verdict = await verify_chain(tamper(GOOD), expected_head=EXPORTED)

    assert (verdict.first_bad, verdict.fault, verdict.intact) == (first_bad, fault, False)
    assert verdict.checked == verdict.head.sequence <= first_bad


@pytest.mark.feature("E6")
async def test_only_the_exported_head_sees_a_cut_tail_or_a_chain_hashed_again() -> None:
    for tamper in (_delete_tail, _delete_all, _rehash_all):
        without = await verify_chain(tamper(GOOD), expected_head=None)
        held_to = await verify_chain(tamper(GOOD), expected_head=EXPORTED)

        assert (without.intact, held_to.intact) == (True, False)


async def test_an_untouched_chain_is_intact_also_beyond_its_exported_head() -> None:
    earlier = Head(GOOD[6].sequence, GOOD[6].hash)

    verdict = await verify_chain(GOOD, expected_head=earlier)

    assert verdict == Verdict(10, EXPORTED)
    assert verdict.intact


async def test_the_walk_may_begin_behind_a_trusted_head() -> None:
    trusted = Head(GOOD[5].sequence, GOOD[5].hash)

    good = await verify_chain(GOOD[6:], expected_head=EXPORTED, after=trusted)
    bad = await verify_chain(GOOD[7:], expected_head=EXPORTED, after=trusted)
    other = await verify_chain(GOOD[6:], expected_head=Head(6, "sha-256:other"), after=trusted)

    assert (good.checked, good.intact) == (4, True)
    assert (bad.first_bad, bad.fault) == (7, Fault.OUT_OF_SEQUENCE)
    assert (other.first_bad, other.fault) == (6, Fault.REWRITTEN)
    with pytest.raises(ValueError, match="behind"):
        await verify_chain(GOOD[6:], expected_head=Head(3, GOOD[2].hash), after=trusted)


async def test_rows_may_come_as_a_stream() -> None:
    async def rows() -> AsyncIterator[Entry]:
        for entry in GOOD:
            yield entry

    assert (await verify_chain(rows(), expected_head=EXPORTED)).intact


@pytest.mark.clause("A21.2")
async def test_a_chain_may_be_of_sm3_or_go_over_to_it() -> None:
    sm3 = _chain(BODIES, algorithm="sm3")
    body = {"action": "after the change"}
    mixed = [
        *GOOD,
        Entry(11, GOOD[-1].hash, body, entry_hash(GOOD[-1].hash, body, algorithm="sm3")),
    ]

    assert sm3[0].hash.startswith("sm3:")
    assert (await verify_chain(sm3, expected_head=_head(sm3))).intact
    assert (await verify_chain(mixed, expected_head=EXPORTED)).intact


@pytest.mark.parametrize("value", ["", "md5:00", "sha-256", "sha-256:", GOOD[0].hash.upper()])
async def test_a_hash_that_is_none_is_an_edit(value) -> None:
    verdict = await verify_chain([replace(GOOD[0], hash=value)], expected_head=None)

    assert (verdict.first_bad, verdict.fault) == (1, Fault.EDITED)


async def test_a_body_that_is_no_json_is_an_edit() -> None:
    verdict = await verify_chain([replace(GOOD[0], body={"a": b"x"})], expected_head=None)

    assert verdict.fault is Fault.EDITED


def test_the_hash_is_of_the_canonical_body_behind_the_previous_hash() -> None:
    # printf 'genesis\n{"a":1,"b":"中"}' | sha256sum
    assert entry_hash(GENESIS, {"b": "中", "a": 1.0}) == (
        "sha-256:d3800323321f885b8d9f386e6fc0556311a949e8d2868e2b3e4a2732054897d4"
    )


BODY = st.dictionaries(st.text(max_size=3), st.text(max_size=5) | st.integers(0, 9), max_size=3)


@settings(deadline=None, database=None, derandomize=True, max_examples=100)
@given(st.lists(BODY, min_size=1, max_size=8), st.data())
async def test_any_one_change_of_any_row_is_found(bodies, data) -> None:
    chain = _chain(bodies)
    place = data.draw(st.integers(0, len(chain) - 1))
    body = data.draw(BODY.filter(lambda other: other != bodies[place]))
    changed = [*chain[:place], replace(chain[place], body=body), *chain[place + 1 :]]

    verdict = await verify_chain(changed, expected_head=_head(chain))

    assert (verdict.first_bad, verdict.fault) == (place + 1, Fault.EDITED)


async def test_the_speed_of_the_walk_is_printed(capsys) -> None:
    body = {
        "action": "filing.accept",
        "actor": {"subject": "officer-7", "organisation": "jx-zwfw", "role": "PROVINCE"},
        "subject": "0197f3c2-7f3c-7000-8000-000000000001",
        "at": "2026-11-23T08:00:00Z",
        "details": {"state": "ACCEPTED", "version": 3, "digest": "sha-256:" + "0" * 64},
    }
    chain = _chain([body] * 2000)

    began = time.perf_counter()
    verdict = await verify_chain(chain, expected_head=_head(chain))
    rate = 2000 / (time.perf_counter() - began)

    with capsys.disabled():
        print(f"\naudit verify: {rate:,.0f} rows/s")  # noqa: T201 - a figure to report
    assert verdict.intact
    assert verdict.checked == 2000
