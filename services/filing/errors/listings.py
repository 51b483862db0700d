"""What is refused about the listing that a filing names."""

from services.filing.errors.content import ContentRefused
from shared.errors import Conflict


class ListingMissing(ContentRefused):
    code = "listing_missing"


class ListingNotLive(Conflict):
    code = "listing_not_live"


class ListingAlreadyLive(Conflict):
    code = "listing_already_live"


class ListingNotYours(ContentRefused):
    code = "listing_not_yours"


class ListingItemFixed(ContentRefused):
    code = "listing_item_fixed"


class DigestMismatch(Conflict):
    """What would go live is not, byte for byte, what was filed, self-tested and confirmed (C7)."""

    code = "digest_mismatch"


class GoesLiveInPast(ContentRefused):
    code = "goes_live_in_past"


class EntryUrlRefused(ContentRefused):
    code = "entry_url_refused"


class CapabilityMissing(ContentRefused):
    code = "capability_missing"


class NormNotCurrent(ContentRefused):
    code = "norm_not_current"
