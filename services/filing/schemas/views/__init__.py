"""What callers see; times in Jiangxi's zone, enumerations extensible."""

from services.filing.schemas.views.emergency import (
    EmergencyView,
    GatewayView,
    NoticeView,
    OralReportView,
)
from services.filing.schemas.views.filings import (
    ConfirmationView,
    FilingSummary,
    FilingView,
    HistoryView,
    RoundView,
)
from services.filing.schemas.views.obligations import (
    ClockEntryView,
    ClockView,
    ObligationView,
    RungView,
)
from services.filing.schemas.views.partners import ForcedExitView, PartnerView
from services.filing.schemas.views.plans import (
    PlanDiffView,
    PlanLineView,
    PlannedView,
    PlanRowErrorView,
)
from services.filing.schemas.views.rows import Local, View
from services.filing.schemas.views.types import FilingTypeView
from services.filing.schemas.views.windows import WindowView

__all__ = [
    "ClockEntryView",
    "ClockView",
    "ConfirmationView",
    "EmergencyView",
    "FilingSummary",
    "FilingTypeView",
    "FilingView",
    "ForcedExitView",
    "GatewayView",
    "HistoryView",
    "Local",
    "NoticeView",
    "ObligationView",
    "OralReportView",
    "PartnerView",
    "PlanDiffView",
    "PlanLineView",
    "PlanRowErrorView",
    "PlannedView",
    "RoundView",
    "RungView",
    "View",
    "WindowView",
]
