"""What filing refuses; content refusals carry the clause behind them and a pointer."""

from shared.errors import Conflict, Forbidden, Invalid, NotFound


class FilingNotFound(NotFound):
    code = "filing_not_found"


class FilingTypeNotFound(NotFound):
    code = "filing_type_not_found"


class AttachmentNotFound(NotFound):
    code = "attachment_not_found"


class OralReportNotFound(NotFound):
    code = "oral_report_not_found"


class EmergencyDelistingNotFound(NotFound):
    code = "emergency_delisting_not_found"


class ObligationNotFound(NotFound):
    code = "obligation_not_found"


# --- the state of things stands against it -------------------------------------------------------


class ListingNotLive(Conflict):
    code = "listing_not_live"


class ListingAlreadyLive(Conflict):
    code = "listing_already_live"


class FilingPending(Conflict):
    code = "filing_pending"


class OppositeFilingPending(Conflict):
    code = "opposite_filing_pending"


class DigestMismatch(Conflict):
    """What would go live is not, byte for byte, what was filed, self-tested and confirmed (C7)."""

    code = "digest_mismatch"


class AlreadyConfirmed(Conflict):
    code = "already_confirmed"


class EmergencyAlreadyOrdered(Conflict):
    code = "emergency_already_ordered"


class EmergencyOrderMissing(Conflict):
    code = "emergency_order_missing"


class OralReportUsed(Conflict):
    code = "oral_report_used"


class ObligationAlreadyFulfilled(Conflict):
    code = "obligation_already_fulfilled"


class WrittenFilingStays(Conflict):
    """A written filing that fulfilled an obligation is not withdrawn (F8)."""

    code = "written_filing_stays"


class TypeVersionOutOfOrder(Conflict):
    code = "type_version_out_of_order"


class DelegationNotFound(NotFound):
    code = "delegation_not_found"


class DecisionIncomplete(Invalid):
    """A return, refusal or rejection names clause, reason and evidence (C2)."""

    code = "decision_incomplete"


class DueDatesTooMany(Invalid):
    code = "due_dates_too_many"


class NothingFiled(Conflict):
    """A draft was never sent, so there is nothing to give a receipt for."""

    code = "nothing_filed"


class ProposalNotFound(NotFound):
    code = "proposal_not_found"


class NoLimit(Conflict):
    """Only limits in time have running clocks to look at; other policies are set at once."""

    code = "no_limit"


class ProposalOutdated(Conflict):
    """The limit has changed since it was proposed, so its effect was shown against another."""

    code = "proposal_outdated"


class OwnProposal(Forbidden):
    """A looser limit is confirmed by another person than who proposed it (F6)."""

    code = "own_proposal"


class PolicyBackdated(Invalid):
    code = "policy_backdated"


class AppealNotFound(NotFound):
    code = "appeal_not_found"


class NothingToAppeal(Conflict):
    """Only a return, refusal or rejection that still stands can be appealed (C2)."""

    code = "nothing_to_appeal"


class AlreadyAppealed(Conflict):
    code = "already_appealed"


class AppealTooLate(Conflict):
    code = "appeal_too_late"


class AppealPending(Conflict):
    code = "appeal_pending"


class SameReviewer(Forbidden):
    """An appeal goes to another reviewer than the one who decided (C2)."""

    code = "same_reviewer"


class AlreadyApproved(Conflict):
    """This person, or whom they act for, has approved this round already (F6)."""

    code = "already_approved"


class OwnFiling(Forbidden):
    """Nobody decides what they or their delegator filed, under any name (F6)."""

    code = "own_filing"


class PersonRequired(Forbidden):
    """Distinct people matter here, so a system cannot act (F6)."""

    code = "person_required"


class DelegationNotInForce(Forbidden):
    code = "delegation_not_in_force"


class DelegationOutOfScope(Forbidden):
    code = "delegation_out_of_scope"


class DelegationNotYours(Forbidden):
    code = "delegation_not_yours"


class DelegationInvalid(Invalid):
    code = "delegation_invalid"


class DelegationEnded(Conflict):
    code = "delegation_ended"


class PartnerNotFound(NotFound):
    code = "partner_not_found"


class WindowNotFound(NotFound):
    code = "window_not_found"


class IncidentNotFound(NotFound):
    code = "incident_not_found"


class WindowOver(Conflict):
    code = "window_over"


class ClearanceNotFound(NotFound):
    code = "clearance_not_found"


class ClearanceEndedAlready(Conflict):
    code = "clearance_ended"


class UsccTaken(Conflict):
    """The code belongs to another partner."""

    code = "uscc_taken"


class PartnerNotActive(Forbidden):
    """A partner files nothing but its application until that is approved (A15.2)."""

    code = "partner_not_active"


class PartnerWasForcedOut(Forbidden):
    """After a forced exit nothing can be filed any more (A15.5)."""

    code = "partner_was_forced_out"


class TypeFlowFixed(Conflict):
    """What is applied for is never merely filed, nor the other way round."""

    code = "type_flow_fixed"


class TermOverlaps(Conflict):
    """Another accepted filing holds a day of the term already (A5.5)."""

    code = "term_overlaps"


class TypeNotForOrganisation(Forbidden):
    code = "type_not_for_organisation"


class OperatorNeedsOrder(Forbidden):
    code = "operator_needs_order"


# --- the content does not qualify ----------------------------------------------------------------


class ContentRefused(Invalid):
    """Base of the refusals that a check of the content finds; the first one names the problem."""

    code = "content_refused"


class OrganisationUnknown(ContentRefused):
    code = "organisation_unknown"


class RegionMismatch(ContentRefused):
    code = "region_mismatch"


class CountyOnlyLocalScenario(ContentRefused):
    code = "county_only_local_scenario"


class ItemUnknown(ContentRefused):
    code = "item_unknown"


class ItemInactive(ContentRefused):
    code = "item_inactive"


class ItemOfAnotherDepartment(ContentRefused):
    code = "item_of_another_department"


class HallUnknown(ContentRefused):
    code = "hall_unknown"


class HallOutsideRegion(ContentRefused):
    code = "hall_outside_region"


class HallMerged(ContentRefused):
    code = "merged_hall_named"


class TermBackwards(ContentRefused):
    code = "term_backwards"


class TermOver(ContentRefused):
    code = "term_over"


class TermTooLong(ContentRefused):
    code = "term_too_long"


class MemberNotForStep(ContentRefused):
    code = "member_not_for_step"


class ListingNotYours(ContentRefused):
    code = "listing_not_yours"


class WindowBackwards(ContentRefused):
    code = "window_backwards"


class WindowTooLong(ContentRefused):
    code = "window_too_long"


class WindowPast(ContentRefused):
    code = "window_past"


class WindowBegun(ContentRefused):
    code = "window_begun"


class WindowEndOutside(ContentRefused):
    code = "window_end_outside"


class IncidentTimes(ContentRefused):
    code = "incident_times"


class DocumentNotForOrganisation(ContentRefused):
    code = "document_not_for_organisation"


class PartNotForDocument(ContentRefused):
    code = "part_not_for_document"


class PeriodWrong(ContentRefused):
    code = "period_wrong"


class NotSignedYet(ContentRefused):
    code = "not_signed_yet"


class UsccInvalid(ContentRefused):
    code = "uscc_invalid"


class QualificationOver(ContentRefused):
    code = "qualification_over"


class AgreementNotInForce(ContentRefused):
    code = "agreement_not_in_force"


class SupervisorUnknown(ContentRefused):
    code = "supervisor_unknown"


class ZoneUnknown(ContentRefused):
    code = "zone_unknown"


class ZoneOfAnotherDepartment(ContentRefused):
    code = "zone_of_another_department"


class CapabilityMissing(ContentRefused):
    code = "capability_missing"


class EntryUrlRefused(ContentRefused):
    code = "entry_url_refused"


class NormNotCurrent(ContentRefused):
    code = "norm_not_current"


class ListingItemFixed(ContentRefused):
    code = "listing_item_fixed"


class GoesLiveInPast(ContentRefused):
    code = "goes_live_in_past"


class PlanLineMissing(ContentRefused):
    code = "plan_line_missing"


class SelfTestMissing(ContentRefused):
    code = "self_test_missing"


class SelfTestForAnotherVersion(ContentRefused):
    code = "self_test_for_another_version"


class SelfTestNotPassed(ContentRefused):
    code = "self_test_not_passed"


class SelfTestOutdated(ContentRefused):
    code = "self_test_outdated"


class MemberNotForType(ContentRefused):
    code = "member_not_for_type"


class AttachmentMissing(ContentRefused):
    """A cited file was never uploaded by who cites it, or has another size."""

    code = "attachment_missing"


class ListingMissing(ContentRefused):
    code = "listing_missing"


class OralReportMissing(ContentRefused):
    code = "oral_report_missing"


class OralReportInFuture(ContentRefused):
    code = "oral_report_in_future"


class OralReportTooOld(ContentRefused):
    code = "oral_report_too_old"


class OralReportScopeMismatch(ContentRefused):
    code = "oral_report_scope_mismatch"


# --- the yearly list -----------------------------------------------------------------------------


class PlanRowsInvalid(Invalid):
    """`errors` names each row and column; nothing was stored."""

    code = "plan_rows_invalid"


class PlanUnreadable(Invalid):
    code = "plan_unreadable"


class PlanTooLong(Invalid):
    code = "plan_too_long"


def _with_code(kind: type[ContentRefused]) -> dict[str, type[ContentRefused]]:
    found = {kind.code: kind}
    for below in kind.__subclasses__():
        found |= _with_code(below)
    return found


CONTENT_REFUSALS = _with_code(ContentRefused)
