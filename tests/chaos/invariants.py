"""I1 to I8 of the ledger: each says how many are wrong, of how many, and names some."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from shared.sealing import entry_of
from shared.security.audit import verify_chain
from tests.chaos.books import Answers, Books

SUBMITTED, ACCEPTED = "filing.submitted.v1", "filing.accepted.v1"
PUBLISHED: Final = "catalog.listing_published.v1"
FOLLOWED: Final = frozenset(
    {
        ("catalog", "filing"),
        ("filing", "catalog"),
        ("gateway", "catalog"),
        ("gateway", "filing"),
        ("assessment", "catalog"),
        ("assessment", "filing"),
    }
)


@dataclass
class Finding:
    """One invariant; what is wrong is sorted by how: lost, duplicated, disordered or otherwise."""

    invariant: str
    statement: str
    checked: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def broken(self) -> int:
        return len(self.lost) + len(self.duplicated) + len(self.disordered) + len(self.wrong)

    @property
    def examples(self) -> list[str]:
        return [*self.lost, *self.duplicated, *self.disordered, *self.wrong][:5]

    def exactly_once(self, name: str, times: int) -> None:
        """What must be there one time."""
        self.checked += 1
        if times == 0:
            self.lost.append(name)
        elif times > 1:
            self.duplicated.append(f"{name} ({times} times)")

    def subset(self, name: str, inner: Iterable[str], outer: Iterable[str]) -> None:
        """What is downstream must be upstream."""
        found = set(inner)
        self.checked += len(found)
        self.wrong += [f"{name} {each}" for each in sorted(found - set(outer))]

    def equal(self, name: str, found: object, expected: object) -> None:
        self.checked += 1
        if found != expected:
            self.wrong.append(f"{name}: {found}, expected {expected}")


async def check_all(answers: Answers, books: Books) -> list[Finding]:
    return [
        _acknowledged(answers, books),
        _read_models(books),
        _counters(books),
        _no_phantoms(books),
        _sequences(books),
        await _audits(books),
        _sent(books),
        _unacknowledged(answers, books),
    ]


def _acknowledged(answers: Answers, books: Books) -> Finding:
    finding = Finding("I1", "what was acknowledged is there once, with the id that was returned")
    for key, returned in answers.acknowledged.items():
        stored = [id_ for id_, _ in books.filings.get(key, [])]
        finding.exactly_once(f"filing of {key}", len(stored))
        if stored and returned != set(stored):
            finding.wrong.append(f"{key}: returned {sorted(returned)}, stored {stored}")
    finding.wrong += [f"a repetition was refused: {each}" for each in answers.refused]
    states = books.ids
    for id_ in answers.accepted:
        finding.equal(f"accepted filing {id_}", states.get(id_), "ACCEPTED")
    for (id_, action), entries in books.history.items():
        if action in ("CREATE", "SUBMIT", "ACCEPT"):
            finding.exactly_once(f"{action} in the history of {id_}", entries)
    return finding


def _read_models(books: Books) -> Finding:
    finding = Finding("I2", "each read model has it once")
    facts = Counter((row["type"], row["subject"].partition(":")[2]) for row in books.facts)
    for id_, state in books.ids.items():
        finding.exactly_once(f"{id_} in catalog", int(id_ in books.catalog_filings))
        finding.exactly_once(f"{id_} submitted, at the reader", facts[SUBMITTED, id_])
        if state != "ACCEPTED":
            continue
        versions = books.versions.get(id_, [])
        finding.exactly_once(f"version of {id_} in catalog", len(versions))
        finding.exactly_once(f"{id_} accepted, at the reader", facts[ACCEPTED, id_])
        for listing_id, listing_state in versions:
            finding.equal(f"listing {listing_id}", listing_state, "LISTED")
            finding.equal(f"{id_} in catalog", books.catalog_filings.get(id_), "ACCEPTED")
            finding.exactly_once(f"{listing_id} in filing", listing_id in books.live_in_filing)
            finding.exactly_once(f"entry of {listing_id}", listing_id in books.entry_points)
            finding.exactly_once(f"{listing_id}, at the reader", facts[PUBLISHED, listing_id])
    return finding


def _counters(books: Books) -> Finding:
    finding = Finding("I3", "counters equal rows")
    facts = Counter(row["type"] for row in books.facts)
    for type_ in (SUBMITTED, ACCEPTED, PUBLISHED):
        finding.equal(f"counter of {type_}", books.counters.get(type_, 0), facts[type_])
    events = Counter(row["event_id"] for row in books.facts)
    finding.checked += len(events)
    finding.duplicated += [f"effect of event {id_}" for id_, times in events.items() if times > 1]
    counted, told = books.epochs
    finding.equal("changes to what the public sees", counted, told)
    published = Counter(
        row["subject"] for row in books.outboxes["catalog"] if row["type"] == PUBLISHED
    )
    for subject, times in published.items():
        finding.exactly_once(f"publication of {subject}", times)
    return finding


def _no_phantoms(books: Books) -> Finding:
    finding = Finding("I4", "what is downstream exists upstream")
    listings = {listing for rows in books.versions.values() for listing, _ in rows}
    facts = [(row["type"], row["subject"].partition(":")[2]) for row in books.facts]
    upstream = {*books.ids, *_plans(books)}
    finding.subset("filing in catalog", books.catalog_filings, books.ids)
    finding.subset("version of filing", books.versions, books.ids)
    finding.subset("live listing in filing", books.live_in_filing, listings)
    finding.subset("entry point", books.entry_points, listings)
    finding.subset("at the reader", (id_ for type_, id_ in facts if type_ != PUBLISHED), upstream)
    finding.subset("at the reader", (id_ for type_, id_ in facts if type_ == PUBLISHED), listings)
    return finding


def _plans(books: Books) -> Iterator[str]:
    """The yearly list of the preparation, which is a filing too."""
    return (id_ for id_, action in books.history if action == "CREATE" and id_ not in books.ids)


def _sequences(books: Books) -> Finding:
    finding = Finding("I5", "each aggregate's events have no gap and were applied in order")
    for source, rows in books.outboxes.items():
        told: dict[str, list[int]] = {}
        places: dict[str, list[int]] = {}
        for row in rows:
            told.setdefault(row["subject"], []).append(row["sequence"])
            places.setdefault(row["subject"], []).append(row["position"] or 0)
        for subject, last in books.aggregates[source].items():
            finding.equal(
                f"sequence of {source} {subject}",
                told.get(subject, []),
                list(range(1, last + 1)),
            )
            if places.get(subject, []) != sorted(places.get(subject, [])):
                finding.disordered.append(f"{source} {subject} published {places[subject]}")
    for missing in sorted(FOLLOWED - set(books.gates)):
        finding.wrong.append(f"{missing[0]} follows nothing of {missing[1]}")
    for (consumer, source), gate in books.gates.items():
        for subject, last in books.aggregates[source].items():
            finding.equal(f"gate of {consumer} for {subject}", gate.get(subject, 0), last)
    reached: dict[str, int] = {}
    for row in books.facts:
        if row["sequence"] < reached.get(row["subject"], 0):
            finding.disordered.append(f"{row['type']} of {row['subject']} came late")
        reached[row["subject"]] = max(row["sequence"], reached.get(row["subject"], 0))
    finding.checked += len(books.facts)
    return finding


async def _audits(books: Books) -> Finding:
    finding = Finding("I6", "the audit chains are intact, with one entry for each change")
    for service, rows in books.audits.items():
        chain = [entry_of({**row, "details": json.loads(row["details"])}) for row in rows]
        verdict = await verify_chain(chain, expected_head=None)
        finding.checked += verdict.checked
        if not verdict.intact:
            finding.wrong.append(f"{service}: {verdict.fault} at {verdict.first_bad}")
        told = Counter((row["type"], row["subject"]) for row in books.outboxes[service])
        kept = Counter((row["action"], row["subject"]) for row in rows)
        for act, times in told.items():
            finding.equal(f"{service} entries for {act}", kept[act], times)
        numbers: dict[str, int] = {}
        for row in rows:
            expected = numbers.get(row["subject"], 0) + 1
            finding.equal(f"{service} entry of {row['subject']}", row["subject_number"], expected)
            numbers[row["subject"]] = expected
    return finding


def _sent(books: Books) -> Finding:
    finding = Finding("I7", "everything is sent, nothing is parked")
    for service, rows in books.outboxes.items():
        finding.checked += len(rows)
        finding.lost += [f"unsent {service} {row['subject']}" for row in rows if row["unsent"]]
    for service, parked in books.dead_letters.items():
        finding.equal(f"dead letters of {service}", parked, 0)
    return finding


def _unacknowledged(answers: Answers, books: Books) -> Finding:
    finding = Finding("I8", "what was never acknowledged is there at most once, and nothing else")
    acknowledged = answers.acknowledged
    for key in answers.creations.keys() - acknowledged.keys():
        finding.checked += 1
        if len(books.filings.get(key, [])) > 1:
            finding.duplicated.append(f"{key}: {books.filings[key]}")
    finding.subset("filing of nobody", books.filings, answers.creations)
    return finding
