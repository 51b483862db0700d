"""Whether a listing document and its self-test qualify; a flaw names its clause and place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from services.filing.errors import CONTENT_REFUSALS, ContentRefused
from shared.errors import FieldError
from shared.events.filing import ListingContent
from shared.security.identity import scope_prefix

# Whose filings take `flow_local`: a partner's listing too is confirmed by the item's department.
LOCAL_KINDS = frozenset({"CITY_AUTHORITY", "COUNTY_AUTHORITY", "PARTNER"})
PROVINCIAL_DEPARTMENT = "PROVINCIAL_DEPARTMENT"
LOCAL_SCENARIO = "LOCAL_SCENARIO"


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong: its code, where it stands, and the clause behind it."""

    code: str
    pointer: str
    clause: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Organisation:
    id: str
    kind: str
    region: str

    @property
    def local(self) -> bool:
        return self.kind in LOCAL_KINDS

    def covers(self, region: str) -> bool:
        return region.startswith(scope_prefix(self.region))


@dataclass(frozen=True, slots=True)
class Item:
    code: str
    department: str
    active: bool


@dataclass(frozen=True, slots=True)
class Hall:
    id: str
    region: str
    state: str = "ACTIVE"


@dataclass(frozen=True, slots=True)
class Zone:
    id: str
    hall_id: str
    department: str


@dataclass(frozen=True, slots=True)
class ListingFacts:
    """What catalog has told about the things that a listing document names."""

    organisation: Organisation
    item: Item | None
    hall: Hall | None
    zone: Zone | None
    norm_version: str | None
    plain_http_hosts: frozenset[str]


def refusal(flaws: Sequence[Flaw]) -> ContentRefused:
    """The refusal that the first flaw names, with all of them as field errors."""
    first = flaws[0]
    errors = [FieldError(flaw.pointer, flaw.code, dict(flaw.params)) for flaw in flaws]
    return CONTENT_REFUSALS[first.code](clause=first.clause, errors=errors, **first.params)


def listing_flaws(content: ListingContent, facts: ListingFacts) -> list[Flaw]:
    """Everything that stands against a listing document (A2.2, A4.2, A5.4, A8.1, A10.1)."""
    return [
        *_owner_flaws(content, facts.organisation),
        *_item_flaws(facts.organisation, facts.item),
        *_place_flaws(content, facts),
        *_capability_flaws(content),
        *(
            Flaw("entry_url_refused", f"/content/{name}", "A21.2", {"url": url})
            for name, url in _urls(content)
            if not _url_qualifies(url, facts.plain_http_hosts)
        ),
        *_norm_flaws("/content/norm_version", content.norm_version, facts.norm_version),
    ]


def _owner_flaws(content: ListingContent, owner: Organisation) -> Iterator[Flaw]:
    if content.region != owner.region:
        yield Flaw("region_mismatch", "/content/region", "A4.1", {"region": owner.region})
    yield from kind_flaws("/content/kind", content.kind, owner)


def kind_flaws(pointer: str, kind: str, owner: Organisation) -> Iterator[Flaw]:
    """A county builds local scenarios only (A5.4)."""
    if owner.kind == "COUNTY_AUTHORITY" and kind != LOCAL_SCENARIO:
        yield Flaw("county_only_local_scenario", pointer, "A5.4")


def _item_flaws(owner: Organisation, item: Item | None) -> Iterator[Flaw]:
    if item is None:
        yield Flaw("item_unknown", "/content/item_code", "A2.1")
    elif not item.active:
        yield Flaw("item_inactive", "/content/item_code", "A2.1")
    elif owner.kind == PROVINCIAL_DEPARTMENT and item.department != owner.id:
        params = {"department": item.department}
        yield Flaw("item_of_another_department", "/content/item_code", "A8.1", params)


def _place_flaws(content: ListingContent, facts: ListingFacts) -> Iterator[Flaw]:
    if facts.hall is None:
        yield Flaw("hall_unknown", "/content/hall_id", "A5.3")
    elif not facts.organisation.covers(facts.hall.region):
        yield Flaw("hall_outside_region", "/content/hall_id", "A5.3", {"region": facts.hall.region})
    if content.zone_id is None:
        return
    if facts.zone is None or facts.zone.hall_id != content.hall_id:
        yield Flaw("zone_unknown", "/content/zone_id", "A8.2")
    elif facts.zone.department not in (
        facts.organisation.id,
        facts.item.department if facts.item else "",
    ):
        params = {"department": facts.zone.department}
        yield Flaw("zone_of_another_department", "/content/zone_id", "A8.2", params)


def _capability_flaws(content: ListingContent) -> Iterator[Flaw]:
    for needed in ("COMPLAINT", "RATING"):
        if needed not in content.capabilities:
            params = {"capability": needed}
            yield Flaw("capability_missing", "/content/capabilities", "A2.2", params)


def _norm_flaws(pointer: str, named: str, current: str | None) -> Iterator[Flaw]:
    if named != current:
        yield Flaw("norm_not_current", pointer, "A10.1", {"current": current or "-"})


def _urls(content: ListingContent) -> Iterator[tuple[str, str]]:
    yield "entry_url", content.entry_url
    yield "complaint_url", content.complaint_url
    yield "rating_url", content.rating_url


def _url_qualifies(url: str, plain_http_hosts: frozenset[str]) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in plain_http_hosts)


def self_test_flaws(
    self_test: Mapping[str, Any] | None,
    *,
    digest: str,
    norm_version: str | None,
    now: datetime,
    delisted_at: datetime | None,
) -> list[Flaw]:
    """The gate of A10.3: a passed self-test of this very version under the norm in force.

    After a delisting the self-test must be a fresh one (reading 7).
    """
    if self_test is None:
        return [Flaw("self_test_missing", "/self_test", "A10.3")]
    signed_at = datetime.fromisoformat(self_test["signed_at"])
    failing = [case for case in self_test["cases"] if case["result"] != "PASS"]
    found = []
    if self_test["digest"] != digest:
        params = {"digest": digest}
        found.append(Flaw("self_test_for_another_version", "/self_test/digest", "A10.3", params))
    found += _norm_flaws("/self_test/norm_version", self_test["norm_version"], norm_version)
    if self_test["result"] != "PASS" or failing or not self_test["cases"]:
        found.append(Flaw("self_test_not_passed", "/self_test/result", "A10.3"))
    if signed_at > now or (delisted_at is not None and signed_at <= delisted_at):
        found.append(Flaw("self_test_outdated", "/self_test/signed_at", "A10.3"))
    return found
