"""What monitoring refuses, by the kind of refusal; the sentences stand in messages.toml."""

from shared.errors import Conflict, Invalid, NotFound


class ProbeNotFound(NotFound):
    code = "probe_not_found"


class IncidentNotFound(NotFound):
    code = "incident_not_found"


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


class DependencyCircle(Conflict):
    """A probe would depend on itself; `circle` names the probes on the way."""

    code = "dependency_circle"


class ProbeOfOtherKind(Conflict):
    """It is a walk or a heartbeat, and changed as one."""

    code = "probe_of_other_kind"


class HeartbeatNotFound(NotFound):
    code = "heartbeat_not_found"


class BeatUnknown(NotFound):
    """No running heartbeat that the actor sees has this token."""

    code = "beat_unknown"


class ImportUnreadable(Invalid):
    """No YAML, with aliases, or not of the form that was named."""

    code = "import_unreadable"


class WalkNotFound(NotFound):
    code = "walk_not_found"


class WalkRunNotFound(NotFound):
    code = "walk_run_not_found"


class WalkNotRunning(Conflict):
    """It is paused, or its listing is not live."""

    code = "walk_not_running"


class WalkRunWaits(Conflict):
    """A run that was asked for has not ended yet."""

    code = "walk_run_waits"
