"""Partners and their exits, as callers see them."""

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import ConfigDict

from services.filing.schemas import examples
from services.filing.schemas.views.rows import Local, View


class ForcedExitView(View):
    """The decision that forced a partner out: cause, evidence, who decided, when (A15.5)."""

    id: UUID
    number: str
    cause: str
    circumstances: str
    liability: str
    evidence: list[dict[str, Any]]
    decided_by: str
    deciding_organisation: str
    deciding_office: str
    decided_at: Local


class PartnerView(View):
    """A partner: ACTIVE since its application was approved, or FORCED_OUT for good."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PARTNER]})

    organisation_id: str
    region: str
    name: str
    uscc: str
    state: str
    supervising_organisation: str
    data_scope: list[str]
    liaison_office: str
    application_id: UUID
    active_since: Local
    valid_until: date
    forced_exit: ForcedExitView | None = None
    version: int
