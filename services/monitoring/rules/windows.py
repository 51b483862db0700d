"""What a filed window covers: alerts that it holds back, downtime that is maintenance (M8)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from services.monitoring.rules.accounting import Span

WITHOUT_EFFECT: Final = "NONE"


class WindowState(StrEnum):
    """What filing last told of a window."""

    PLANNED = "PLANNED"
    CANCELLED = "CANCELLED"
    ENDED = "ENDED"


class WindowStanding(StrEnum):
    """Where a window stands at an instant."""

    UPCOMING = "UPCOMING"
    RUNNING = "RUNNING"
    OVER = "OVER"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Cover:
    """When a window covers which listings of its unit; without `listing_ids` all of them."""

    listing_ids: frozenset[UUID]
    span: Span

    def of(self, listing_id: UUID) -> bool:
        return not self.listing_ids or listing_id in self.listing_ids


def cover(
    *, state: str, impact: str, listing_ids: Iterable[UUID], starts_at: datetime, ends_at: datetime
) -> Cover | None:
    """None where nothing is covered: cancelled, filed to be without effect, or ended at once."""
    if state == WindowState.CANCELLED or impact == WITHOUT_EFFECT or ends_at <= starts_at:
        return None
    return Cover(frozenset(listing_ids), Span(starts_at, ends_at))


def changed_past(before: Cover | None, after: Cover | None, *, now: datetime) -> Span | None:
    """The time until now about which two shapes of a window may differ; None when all is ahead."""
    if before == after:
        return None
    shapes = [each for each in (before, after) if each is not None]
    start = min(each.span.start for each in shapes)
    end = min(max(each.span.end for each in shapes), now)
    return Span(start, end) if start < end else None
