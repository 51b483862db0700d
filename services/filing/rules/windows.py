"""Maintenance and major events: what each step must say, and whether it came early enough (A16.3).

A window is planned by one filing; changing, cancelling or ending it early are filings of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from services.filing.rules.content import Flaw
from services.filing.rules.types import FilingKind
from shared.lifecycle import Lifecycle, Step
from shared.security.identity import Role


class WindowState(StrEnum):
    PLANNED = "PLANNED"
    CANCELLED = "CANCELLED"
    ENDED = "ENDED"


class WindowAction(StrEnum):
    PLAN = "PLAN"
    CHANGE = "CHANGE"
    CANCEL = "CANCEL"
    END = "END"


WINDOW = Lifecycle(
    name="window",
    initial=WindowState.PLANNED,
    steps=tuple(
        Step(action, {WindowState.PLANNED}, target, {Role.PROVINCE}, clause="A16.3")
        for action, target in (
            (WindowAction.CHANGE, WindowState.PLANNED),
            (WindowAction.CANCEL, WindowState.CANCELLED),
            (WindowAction.END, WindowState.ENDED),
        )
    ),
    terminal={WindowState.CANCELLED, WindowState.ENDED},
)

LEAD: Mapping[str, str] = MappingProxyType(
    {FilingKind.MAINTENANCE: "maintenance_lead", FilingKind.MAJOR_EVENT: "major_event_lead"}
)

_PLAN: Final = frozenset({"title", "starts_at", "ends_at", "impact", "details", "rollback"})
_SAYS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        WindowAction.PLAN: _PLAN,
        WindowAction.CHANGE: _PLAN | {"window_id", "reason"},
        WindowAction.CANCEL: frozenset({"window_id", "reason"}),
        WindowAction.END: frozenset({"window_id", "reason", "ended_at"}),
    }
)
_MEMBERS: Final = sorted(frozenset().union(*_SAYS.values()))


def window_flaws(
    content: Mapping[str, Any], *, now: datetime, longest: timedelta, unknown: Sequence[int]
) -> Iterable[Flaw]:
    """Each step says what belongs to it, about the unit's own live listings, in a bounded future.

    `unknown` are the places in `listing_ids` that name no live listing of the unit.
    """
    says = _SAYS[content["action"]]
    for name in _MEMBERS:
        if (content[name] is not None) is not (name in says):
            yield Flaw("member_not_for_step", f"/content/{name}", "A16.3")
    for place in unknown:
        yield Flaw("listing_not_yours", f"/content/listing_ids/{place}", "A16.3")
    if content["starts_at"] is None or content["ends_at"] is None:
        return
    starts_at, ends_at = _instant(content, "starts_at"), _instant(content, "ends_at")
    if ends_at <= starts_at:
        yield Flaw("window_backwards", "/content/ends_at", "A16.3")
    elif ends_at - starts_at > longest:
        hours = int(longest.total_seconds() // 3600)
        yield Flaw("window_too_long", "/content/ends_at", "A16.3", {"hours": hours})
    if content["action"] == WindowAction.PLAN and starts_at <= now:
        yield Flaw("window_past", "/content/starts_at", "A16.3")
    elif ends_at <= now:
        yield Flaw("window_past", "/content/ends_at", "A16.3")


def step_flaws(
    content: Mapping[str, Any], *, starts_at: datetime, ends_at: datetime, now: datetime
) -> Iterable[Flaw]:
    """What a later step may say about a window that runs from `starts_at` to `ends_at`."""
    action, begun = content["action"], starts_at <= now
    if action == WindowAction.CANCEL and begun:
        yield Flaw("window_begun", "/content/action", "A16.3")
    if action == WindowAction.CHANGE and begun and _instant(content, "starts_at") != starts_at:
        yield Flaw("window_begun", "/content/starts_at", "A16.3")
    if action == WindowAction.END:
        ended_at = _instant(content, "ended_at")
        if not starts_at <= ended_at <= min(now, ends_at):
            yield Flaw("window_end_outside", "/content/ended_at", "A16.3")


def _instant(content: Mapping[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(content[name])
