"""How far an item that should be listed has come: 应上尽上 (A8.1)."""

from enum import StrEnum


class CoverageState(StrEnum):
    """The best that a unit has of a planned item."""

    LISTED = "LISTED"
    SUSPENDED = "SUSPENDED"
    SCHEDULED = "SCHEDULED"
    EXEMPT = "EXEMPT"
    FORCED_EXIT = "FORCED_EXIT"
    DELISTED = "DELISTED"
    MISSING = "MISSING"
