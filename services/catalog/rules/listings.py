"""The public life of a listing, moved by filing's events alone, and its gate (C1, C7)."""

from collections.abc import Collection
from enum import StrEnum

from shared.events.filing import ListingContent
from shared.lifecycle import Lifecycle, Step
from shared.security.canonical import HASHES, digest
from shared.security.identity import Role


class ListingState(StrEnum):
    DRAFT = "DRAFT"
    SCHEDULED = "SCHEDULED"
    LISTED = "LISTED"
    SUSPENDED = "SUSPENDED"
    DELISTED = "DELISTED"
    ARCHIVED = "ARCHIVED"


class ListingAction(StrEnum):
    SCHEDULE = "SCHEDULE"
    PUBLISH = "PUBLISH"
    UPDATE = "UPDATE"
    SUSPEND = "SUSPEND"
    RESUME = "RESUME"
    DELIST = "DELIST"
    ARCHIVE = "ARCHIVE"


class FilingType(StrEnum):
    """The filings that move a listing (A11.1–A11.5)."""

    LISTING = "LISTING"
    UPDATE = "UPDATE"
    DELIST = "DELIST"
    EMERGENCY_DELIST = "EMERGENCY_DELIST"


ABOUT_LISTINGS = frozenset(FilingType)


class FilingProgress(StrEnum):
    """How far a filing about a listing has come, as its events tell."""

    SUBMITTED = "SUBMITTED"
    RETURNED = "RETURNED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    LAPSED = "LAPSED"
    ACCEPTED = "ACCEPTED"
    PUBLICATION_REFUSED = "PUBLICATION_REFUSED"


class Gate(StrEnum):
    """Why accepted content does not go live (C7)."""

    CONTENT_MISSING = "content_missing"
    DIGEST = "digest"
    CONFIRMATION_MISSING = "confirmation_missing"
    COUNTY_SCOPE = "county_scope"
    REFERENCE_UNKNOWN = "reference_unknown"
    PARTNER_NOT_ACTIVE = "partner_not_active"


class Cause(StrEnum):
    """What changed what the public sees of a listing (C4); its id says which one it was."""

    FILING = "FILING"
    EMERGENCY = "EMERGENCY"
    HALL_MERGED = "HALL_MERGED"
    ITEM_CHANGED = "ITEM_CHANGED"
    FORCED_EXIT = "FORCED_EXIT"
    ARCHIVED = "ARCHIVED"


class ListingKind(StrEnum):
    STANDARD = "STANDARD"
    LOCAL_SCENARIO = "LOCAL_SCENARIO"


class Capability(StrEnum):
    """What a listing lets its users do (A2.2)."""

    QUERY = "QUERY"
    BOOKING = "BOOKING"
    APPLICATION = "APPLICATION"
    HANDLING = "HANDLING"
    COMPLAINT = "COMPLAINT"
    RATING = "RATING"


S, A = ListingState, ListingAction
_DECIDER = {Role.PROVINCE}  # filing's decision, carried by its event

LISTING = Lifecycle(
    name="listing",
    initial=S.DRAFT,
    steps=(
        Step(A.SCHEDULE, {S.DRAFT, S.SCHEDULED}, S.SCHEDULED, _DECIDER, clause="A11.1"),
        Step(A.PUBLISH, {S.DRAFT, S.SCHEDULED, S.DELISTED}, S.LISTED, _DECIDER, clause="A11.1"),
        Step(A.UPDATE, {S.LISTED}, S.LISTED, _DECIDER, clause="A11.3"),
        Step(A.SUSPEND, {S.SCHEDULED, S.LISTED}, S.SUSPENDED, _DECIDER, clause="A11.4"),
        Step(A.RESUME, {S.SUSPENDED}, S.LISTED, _DECIDER, clause="A11.3"),
        Step(A.DELIST, {S.SCHEDULED, S.LISTED, S.SUSPENDED}, S.DELISTED, _DECIDER, clause="A11.3"),
        Step(A.ARCHIVE, {S.DELISTED}, S.ARCHIVED, _DECIDER),
    ),
    terminal={S.ARCHIVED},
)

LIVE = frozenset({S.SCHEDULED, S.LISTED, S.SUSPENDED})
PUBLIC = frozenset({S.LISTED, S.SUSPENDED, S.DELISTED})


def gate(
    content: ListingContent | None,
    *,
    filed: str,
    owner_kind: str | None,
    references_known: bool,
    partner_holds: bool,
    confirmed_by: Collection[str],
) -> tuple[Gate | None, str]:
    """Whether accepted content may go live, and the digest that was found (C7, A5.4, A11.2, A15.2).

    `owner_kind` is None when the organisation is not in the register or is closed; `partner_holds`
    is false for a partner that is not approved, or not any more.
    """
    if content is None:
        return Gate.CONTENT_MISSING, ""
    found = _digest_like(filed, content)
    if found != filed:
        return Gate.DIGEST, found
    if owner_kind is None or not references_known:
        return Gate.REFERENCE_UNKNOWN, found
    if not partner_holds:
        return Gate.PARTNER_NOT_ACTIVE, found
    return _local_flaw(content, owner_kind, confirmed_by), found


def _local_flaw(
    content: ListingContent, owner_kind: str, confirmed_by: Collection[str]
) -> Gate | None:
    """What a city or a county may not list (A5.4), or not yet (A11.2)."""
    if owner_kind == "COUNTY_AUTHORITY" and content.kind != ListingKind.LOCAL_SCENARIO:
        return Gate.COUNTY_SCOPE
    if owner_kind in ("CITY_AUTHORITY", "COUNTY_AUTHORITY") and not confirmed_by:
        return Gate.CONFIRMATION_MISSING
    return None


def _digest_like(filed: str, content: ListingContent) -> str:
    """The digest of the content, by the algorithm that the filed digest names."""
    algorithm = filed.partition(":")[0]
    document = content.model_dump(mode="json")
    if algorithm in HASHES:
        return digest(document, algorithm="sm3" if algorithm == "sm3" else "sha-256")
    return digest(document)
