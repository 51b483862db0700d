"""What changed in what the public sees, and why (C4)."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import Field

from services.catalog.schemas.fields import ShanghaiTime, View, shown


class CauseView(View):
    """What caused a change: `kind` says of what `id` is the id.

    FILING and EMERGENCY: a filing; HALL_MERGED: a hall; ITEM_CHANGED: an item; FORCED_EXIT: the
    filing of the decision; ARCHIVED: the policy of the days.
    """

    model_config = shown({"kind": "FILING", "id": "0199f0a0-0000-7000-8000-0000000000f1"})

    kind: str
    id: str


class ChangeView(View):
    """One change of one listing, beside what was there before."""

    model_config = shown(
        {
            "listing_id": "0199f0a0-0000-7000-8000-0000000000a1",
            "at": "2026-11-23T10:00:00+08:00",
            "epoch": 42,
            "version": 2,
            "state_before": "LISTED",
            "state": "LISTED",
            "cause": {"kind": "FILING", "id": "0199f0a0-0000-7000-8000-0000000000f1"},
            "changed": ["summary", "version"],
        }
    )

    listing_id: UUID
    at: ShanghaiTime
    epoch: int = Field(description="the number of the change, in the order of commits")
    version: int
    state_before: str | None = Field(description="null for the first appearance")
    state: str
    cause: CauseView
    changed: Sequence[str] = Field(description="members of the public document that differ")


class RecheckView(View):
    """A listing that was tested by an older norm than the one in effect (A6.3).

    It leaves this list when an update is accepted whose self-test names the newer version.
    """

    model_config = shown(
        {
            "listing_id": "0199f0a0-0000-7000-8000-0000000000a1",
            "title": "社会保险个人权益记录查询打印",
            "organisation_id": "jx-rst",
            "region": "36",
            "tested_by": "demo-1.0",
            "norm_version": "demo-2.0",
            "flagged_at": "2026-12-01T00:00:05+08:00",
        }
    )

    listing_id: UUID
    title: str
    organisation_id: str
    region: str
    tested_by: str
    norm_version: str
    flagged_at: ShanghaiTime
