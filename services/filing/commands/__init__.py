"""Every write of filing: lock, ask the rules, change rows, tell."""

from services.filing.commands.appeals import decide_appeal, file_appeal, withdraw_appeal
from services.filing.commands.applications import approve_filing, reject_filing
from services.filing.commands.artefacts import open_due_documents
from services.filing.commands.attachments import Upload, forget_uncited, store_attachment
from services.filing.commands.authority import DelegationEntry, delegate, revoke_delegation
from services.filing.commands.bulk import Outcome, Wish, decide_many
from services.filing.commands.clearances import end_expired_clearances, revoke_clearance
from services.filing.commands.emergency import (
    EmergencyOrder,
    OralReportEntry,
    delist_in_emergency,
    record_oral_report,
)
from services.filing.commands.filings import (
    FilingEntry,
    create_filing,
    revise_filing,
    submit_filing,
    withdraw_filing,
)
from services.filing.commands.partners import ExitOrder, force_out
from services.filing.commands.plans import PlanEntry, file_plan, preview_plan
from services.filing.commands.policies import (
    LIMIT_UNITS,
    Proposed,
    apply_policies,
    confirm_policy,
    find_proposal,
    propose_policy,
)
from services.filing.commands.renewals import chase_renewals
from services.filing.commands.review import (
    Decision,
    accept_filing,
    confirm_filing,
    confirm_version,
    refuse_filing,
    return_filing,
)
from services.filing.commands.sweep import sweep_clocks
from services.filing.commands.types import issue_type_version
from services.filing.commands.vacancies import chase_vacancies

__all__ = [
    "LIMIT_UNITS",
    "Decision",
    "DelegationEntry",
    "EmergencyOrder",
    "ExitOrder",
    "FilingEntry",
    "OralReportEntry",
    "Outcome",
    "PlanEntry",
    "Proposed",
    "Upload",
    "Wish",
    "accept_filing",
    "apply_policies",
    "approve_filing",
    "chase_renewals",
    "chase_vacancies",
    "confirm_filing",
    "confirm_policy",
    "confirm_version",
    "create_filing",
    "decide_appeal",
    "decide_many",
    "delegate",
    "delist_in_emergency",
    "end_expired_clearances",
    "file_appeal",
    "file_plan",
    "find_proposal",
    "force_out",
    "forget_uncited",
    "issue_type_version",
    "open_due_documents",
    "preview_plan",
    "propose_policy",
    "record_oral_report",
    "refuse_filing",
    "reject_filing",
    "return_filing",
    "revise_filing",
    "revoke_clearance",
    "revoke_delegation",
    "store_attachment",
    "submit_filing",
    "sweep_clocks",
    "withdraw_appeal",
    "withdraw_filing",
]
