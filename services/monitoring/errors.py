"""What monitoring refuses, by the kind of refusal; the sentences stand in messages.toml."""

from shared.errors import Conflict, Invalid, NotFound


class ProbeNotFound(NotFound):
    code = "probe_not_found"


class IncidentNotFound(NotFound):
    code = "incident_not_found"


class WindowUnknown(NotFound):
    """No accepted filing has opened it, or its unit is outside the actor's remit."""

    code = "window_unknown"


class ListingUnwatched(NotFound):
    """No live listing of this id was told of by catalog, or it is not the actor's to see."""

    code = "listing_unwatched"


class ProbeInvalid(Invalid):
    """A probe that cannot be carried out as it is written; each flaw says where it stands."""

    code = "probe_invalid"


class PeriodInvalid(Invalid):
    code = "period_invalid"


class TooManyProbes(Conflict):
    code = "too_many_probes"
