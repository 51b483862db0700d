"""The facts that catalog tells: who and what there is, and what the public sees."""

from datetime import date, datetime
from uuid import UUID

from shared.events.envelope import Event


class RegionRegistered(Event, type="catalog.region_registered.v1"):
    """Aggregate `region:<id>`. Told again when changed (A3)."""

    region_id: str
    name: str
    level: str
    parent: str | None
    gb2260: str | None


class OrganisationRegistered(Event, type="catalog.organisation_registered.v1"):
    """Aggregate `organisation:<id>`. Told again when changed (A9.1)."""

    organisation_id: str
    name: str
    kind: str
    region: str
    parent: str | None
    mandate_from: date | None = None
    mandate_to: date | None = None


class OrganisationClosed(Event, type="catalog.organisation_closed.v1"):
    """Aggregate `organisation:<id>`."""

    organisation_id: str


class ResponsiblePersonNamed(Event, type="catalog.responsible_person_named.v1"):
    """Aggregate `person:<id>`; the name itself stays in catalog (A12.2, A17.1).

    Told again when the term changes: a post is handed over by its last day and another person.
    """

    person_id: UUID
    organisation_id: str
    domain: str
    post: str = "RESPONSIBLE"
    valid_from: date
    valid_to: date | None


class HallRegistered(Event, type="catalog.hall_registered.v1"):
    """Aggregate `hall:<id>`. Told again when changed (A5.3)."""

    hall_id: str
    name: str
    level: str
    region: str
    organisation_id: str
    parent: str | None
    state: str
    merged_into: str | None = None
    retained_until: date | None = None


class HallRetentionRefused(Event, type="catalog.hall_retention_refused.v1"):
    """Aggregate `hall:<id>`: an accepted retention that cannot hold, and why (A5.5).

    `not_merging`: only a merging hall is kept; `overlap`: it is kept for those days already;
    `over`: its last day has passed.
    """

    hall_id: str
    filing_id: UUID
    reason: str
    state: str


class ZoneRegistered(Event, type="catalog.zone_registered.v1"):
    """Aggregate `zone:<id>`. Told again when changed (A8.2)."""

    zone_id: str
    name: str
    hall_id: str
    department: str
    state: str | None = None


class ChannelRegistered(Event, type="catalog.channel_registered.v1"):
    """Aggregate `channel:<id>`. Told again when changed (A5.1, A5.2)."""

    channel_id: UUID
    name: str
    kind: str
    organisation_id: str
    independent: bool
    state: str
    exception_filing_id: UUID | None
    exception_until: date | None
    due_on: date | None


class ChannelOverdue(Event, type="catalog.channel_overdue.v1"):
    """Aggregate `channel:<id>`: its exception is over or its migration late, told once (A5.2)."""

    channel_id: UUID
    organisation_id: str
    what: str
    due_on: date


class AssetRegistered(Event, type="catalog.asset_registered.v1"):
    """Aggregate `asset:<id>`. Told again when changed (A6.4)."""

    asset_id: UUID
    organisation_id: str
    project: str
    system: str
    contract_number: str
    in_service_from: date
    in_service_until: date | None
    listing_ids: list[UUID]
    zone_ids: list[str]


class NormIssued(Event, type="catalog.norm_issued.v1"):
    """Aggregate `norm:<version>` (A6.3, A10.1)."""

    version: str
    title: str
    effective_from: date
    checklist: list[str]


class ItemRegistered(Event, type="catalog.item_registered.v1"):
    """Aggregate `item:<code>`. Told again when changed (A2.1)."""

    item_code: str
    name: str
    item_type: str
    level: str
    department: str
    active: bool


class CalendarImported(Event, type="catalog.calendar_imported.v1"):
    """Aggregate `calendar:<year>`: the days that differ from Monday to Friday (F4)."""

    year: int
    status: str
    source_document: str
    version: int
    days: list[tuple[date, str, str]]


class CalendarMissing(Event, type="catalog.calendar_missing.v1"):
    """Aggregate `calendar:<year>`: its notice is due and not imported (F4)."""

    year: int


class OrphanFound(Event, type="catalog.orphan_found.v1"):
    """Aggregate `organisation:<id>`: it has live listings and nobody named for a domain (C5)."""

    organisation_id: str
    domain: str
    live_listings: int


class PartnerLiaisonNamed(Event, type="catalog.partner_liaison_named.v1"):
    """Aggregate `partner:<id>`: the two persons through whom it and the operator speak (A15.3)."""

    partner_id: str
    partner_person_id: UUID
    operator_person_id: UUID


class CoverageExempted(Event, type="catalog.coverage_exempted.v1"):
    """Aggregate `exemption:<id>`: a unit need not list an item, up to a day (A8.1)."""

    exemption_id: UUID
    organisation_id: str
    item_code: str
    until: date | None


class CoverageExemptionRevoked(Event, type="catalog.coverage_exemption_revoked.v1"):
    """Aggregate `exemption:<id>`: the item counts again (A8.1)."""

    exemption_id: UUID
    organisation_id: str
    item_code: str


class ListingScheduled(Event, type="catalog.listing_scheduled.v1"):
    """Aggregate `listing:<id>`: accepted, to go live at a planned time."""

    listing_id: UUID
    filing_id: UUID
    version: int
    goes_live_at: datetime


class ListingPublished(Event, type="catalog.listing_published.v1"):
    """Aggregate `listing:<id>`: live, for the first time or in a new version (A11.1, A11.3)."""

    listing_id: UUID
    filing_id: UUID
    item_code: str
    organisation_id: str
    hall_id: str
    zone_id: str | None
    kind: str
    title: str
    version: int
    digest: str
    entry_url: str
    listed_at: datetime


class ListingMoved(Event, type="catalog.listing_moved.v1"):
    """Aggregate `listing:<id>`: its hall was merged, its content is what was filed (A5.3)."""

    listing_id: UUID
    hall_id: str
    previous_hall_id: str


class ListingPublicationRefused(Event, type="catalog.listing_publication_refused.v1"):
    """Aggregate `listing:<id>`: what was to go live is not what was filed (C7)."""

    listing_id: UUID
    filing_id: UUID
    expected_digest: str
    found_digest: str
    reason: str | None = None


class ListingSuspended(Event, type="catalog.listing_suspended.v1"):
    """Aggregate `listing:<id>`."""

    listing_id: UUID
    filing_id: UUID | None
    notice_id: UUID | None


class ListingDelisted(Event, type="catalog.listing_delisted.v1"):
    """Aggregate `listing:<id>`; two flags tell which way (A11.3, A11.4, A15.5)."""

    listing_id: UUID
    filing_id: UUID
    emergency: bool
    forced_exit: bool = False
    notice_id: UUID | None
    delisted_at: datetime


class ListingRecheckFlagged(Event, type="catalog.listing_recheck_flagged.v1"):
    """Aggregate `listing:<id>`: a newer norm is in effect than it was tested by (A6.3)."""

    listing_id: UUID
    organisation_id: str
    tested_by: str
    norm_version: str


class ListingAssuranceSet(Event, type="catalog.listing_assurance_set.v1"):
    """Aggregate `listing:<id>`: what its owner assures, for monitoring to hold against (A7.2, A22).

    `availability_target` is a share as text; `operations_office` a unit, never a person.
    """

    listing_id: UUID
    organisation_id: str
    availability_target: str
    response_milliseconds: int
    mlps_level: int | None
    critical_infrastructure: bool
    operations_office: str


class ListingArchived(Event, type="catalog.listing_archived.v1"):
    """Aggregate `listing:<id>`: delisted long ago, and shown no more."""

    listing_id: UUID


class NoticePublished(Event, type="catalog.notice_published.v1"):
    """Aggregate `notice:<id>` (A11.6)."""

    notice_id: UUID
    kind: str
    listing_ids: list[UUID]
    filing_id: UUID | None
    published_at: datetime
    expires_at: datetime | None


class NoticeEdited(Event, type="catalog.notice_edited.v1"):
    """Aggregate `notice:<id>`: its text was changed, visibly."""

    notice_id: UUID
    version: int


class NoticeExpired(Event, type="catalog.notice_expired.v1"):
    """Aggregate `notice:<id>`: its time is over; it is no longer in force."""

    notice_id: UUID
    expired_at: datetime


class NoticeWithdrawn(Event, type="catalog.notice_withdrawn.v1"):
    """Aggregate `notice:<id>`."""

    notice_id: UUID
