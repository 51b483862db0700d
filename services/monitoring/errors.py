"""What monitoring refuses, by the kind of refusal; the sentences stand in messages.toml."""

from shared.errors import Conflict, Forbidden, Invalid, NotFound


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


class IncidentOver(Conflict):
    code = "incident_over"


class IncidentAcknowledgedAlready(Conflict):
    code = "incident_acknowledged_already"


class IncidentProbed(Conflict):
    """What a probe watches is over when the probe says so, and not before."""

    code = "incident_probed"


class IncidentNotSecurity(Conflict):
    code = "incident_not_security"


class IncidentTimesWrong(Invalid):
    code = "incident_times_wrong"


class NoticeMissing(Conflict):
    """A major incident does not close before it was announced on the platform (A16.5)."""

    code = "notice_missing"


class NoticeOfNoFault(Conflict):
    """No notice in force with this id announces a fault of this listing."""

    code = "notice_of_no_fault"


class ActionMissing(Conflict):
    """A major incident does not close before a measure stands on its timeline (A16.6)."""

    code = "action_missing"


class HandoverOutside(Invalid):
    code = "handover_outside"


class PostVacant(Conflict):
    """Nobody holds the post today (A17.1)."""

    code = "post_vacant"


class SeverityBelowMatrix(Forbidden):
    """Lighter than the matrix of today's policies asks for; only the province may say so."""

    code = "severity_below_matrix"
    members = ("matrix",)


class PlanNotFound(NotFound):
    code = "emergency_plan_not_found"


class PlanOfAnother(Conflict):
    """A plan is started for an incident of its own unit."""

    code = "plan_of_another"


class PlanActive(Conflict):
    code = "plan_active"


class DayAhead(Invalid):
    code = "day_ahead"


class LeadNotFound(NotFound):
    code = "lead_not_found"


class EvidenceMissing(Conflict):
    """A lead is referred with an incident or at least one reference."""

    code = "evidence_missing"


class BundleNotFrozen(Conflict):
    """The bundle is what was referred; before, there is none."""

    code = "bundle_not_frozen"


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


class FindingNotFound(NotFound):
    code = "finding_not_found"


class OrganisationUnknown(Invalid):
    """Catalog has told of no such unit, or it is closed."""

    code = "organisation_unknown"


class FindingInvalid(Invalid):
    """A finding that cannot be recorded as it is told; each flaw says where it stands."""

    code = "finding_invalid"


class SourceTaken(Conflict):
    """The source has told of this already, and told something else."""

    code = "source_taken"


class RetestDecides(Conflict):
    """What can be tested again is closed by its re-test alone (M9)."""

    code = "retest_decides"
    members = ("retest",)


class OwnRectification(Forbidden):
    """Nobody verifies what they handed in themselves (F6)."""

    code = "own_rectification"


class PersonRequired(Forbidden):
    """Distinct people matter here, so a system cannot act (F6)."""

    code = "person_required"


class ExtensionNotAsked(Conflict):
    code = "extension_not_asked"


class ExtensionAsked(Conflict):
    """It is waiting for its decision, or was decided: there is one extension (A14.3)."""

    code = "extension_asked"


class InspectionPlanNotFound(NotFound):
    code = "inspection_plan_not_found"


class InspectionRunNotFound(NotFound):
    code = "inspection_run_not_found"


class InspectionInvalid(Invalid):
    """A plan or a run that does not hold together; each flaw says where it stands."""

    code = "inspection_invalid"


class InspectionPlanEnded(Conflict):
    code = "inspection_plan_ended"


class InspectionDone(Conflict):
    """The unit has inspected in this period; a run is never rewritten."""

    code = "inspection_done"


class NotInspected(Forbidden):
    """The plan does not mean this unit."""

    code = "not_inspected"


class SampleNotFound(NotFound):
    code = "sample_not_found"


class CheckNotFound(NotFound):
    code = "check_not_found"


class SupervisionInvalid(Invalid):
    """A sample or a check that does not hold together; each flaw says where it stands."""

    code = "supervision_invalid"


class NothingToSample(Conflict):
    code = "nothing_to_sample"


class CheckedAlready(Conflict):
    """In this sample the service was checked in this way; a check is never rewritten."""

    code = "checked_already"


class ReviewNotFound(NotFound):
    code = "review_not_found"


class ReviewInvalid(Invalid):
    """A review that does not hold together; each flaw says where it stands."""

    code = "review_invalid"


class ReviewRecorded(Conflict):
    """The unit's review of this period stands; it is never rewritten."""

    code = "review_recorded"


class BulletinNotFound(NotFound):
    code = "bulletin_not_found"


class BulletinInvalid(Invalid):
    code = "bulletin_invalid"


class BulletinPublished(Conflict):
    """Of this region and period; a bulletin is never rewritten."""

    code = "bulletin_published"


class PeriodNotOver(Conflict):
    code = "period_not_over"


class NothingToReport(Conflict):
    code = "nothing_to_report"
