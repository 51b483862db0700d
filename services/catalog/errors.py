"""What catalog refuses, by the kind of refusal; the sentences stand in messages.toml."""

from shared.errors import Conflict, Gone, Invalid, NotFound


class RegionNotFound(NotFound):
    code = "region_not_found"


class OrganisationNotFound(NotFound):
    code = "organisation_not_found"


class PersonNotFound(NotFound):
    code = "person_not_found"


class HallNotFound(NotFound):
    code = "hall_not_found"


class ZoneNotFound(NotFound):
    code = "zone_not_found"


class ChannelNotFound(NotFound):
    code = "channel_not_found"


class AssetNotFound(NotFound):
    code = "asset_not_found"


class ExemptionNotFound(NotFound):
    code = "exemption_not_found"


class PartnerUnlisted(NotFound):
    """No approved partner of this id was told of by filing."""

    code = "partner_unlisted"


class ItemNotFound(NotFound):
    code = "item_not_found"


class ListingNotFound(NotFound):
    code = "listing_not_found"


class NoticeNotFound(NotFound):
    code = "notice_not_found"


class CalendarYearNotFound(NotFound):
    code = "calendar_year_not_found"


class ImportNotFound(NotFound):
    code = "import_not_found"


class ResourceUnknown(NotFound):
    code = "import_resource_unknown"


class ListingArchived(Gone):
    code = "listing_archived"


class Registered(Conflict):
    """The id is taken."""

    code = "already_registered"


class OrganisationOwnsListings(Conflict):
    """A unit that still owns live listings is neither closed nor renamed (C5)."""

    code = "organisation_owns_listings"


class HallMerged(Conflict):
    """A merged hall stays as it is; what was in it is in the other one (A5.3)."""

    code = "hall_merged"


class MergeCircle(Conflict):
    """A hall cannot merge into what stands under it or merges into it (A5.3)."""

    code = "merge_circle"


class RetentionMissing(Conflict):
    """A hall is kept by an accepted filing only (A5.5)."""

    code = "retention_missing"


class ChannelExceptionMissing(Conflict):
    """No new channel beside the platform but by an accepted exception (A5.1)."""

    code = "channel_exception_missing"


class ZoneHoldsListings(Conflict):
    """A zone closes when its live listings have gone (A8.2)."""

    code = "zone_holds_listings"


class OrganisationClosedAlready(Conflict):
    code = "organisation_closed"


class PersonNamedTwice(Conflict):
    code = "person_named_twice"


class NoticeWithdrawnAlready(Conflict):
    code = "notice_withdrawn"


class CalendarOfficial(Conflict):
    """An official year is corrected by an official one only."""

    code = "calendar_official"


class InstantAhead(Invalid):
    """Nobody has seen what is to come (C4)."""

    code = "instant_ahead"


class ReferencesWrong(Invalid):
    """A member names what is not there, or what does not fit; `errors` says which."""

    code = "references_wrong"


class CalendarWrong(Invalid):
    code = "calendar_wrong"


class ImportFileWrong(Invalid):
    code = "import_file_wrong"


class ListingUnknown(LookupError):
    """A decision about a listing whose filing was not heard of: tried again, then a dead letter."""


class HallUnknown(LookupError):
    """A retention of a hall that is not in the register: tried again, then a dead letter."""


class OrganisationUnknown(LookupError):
    """A decision about a unit that is not in the register: tried again, then a dead letter."""
