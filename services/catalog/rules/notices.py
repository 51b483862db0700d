"""What is announced on the platform (A11.6, A16.5, A5.3, A15.5)."""

from enum import StrEnum


class NoticeKind(StrEnum):
    EMERGENCY_DELIST = "EMERGENCY_DELIST"
    FAULT = "FAULT"
    DELIST = "DELIST"
    MAINTENANCE = "MAINTENANCE"
    MERGE = "MERGE"
    FORCED_EXIT = "FORCED_EXIT"
    SECURITY = "SECURITY"


class NoticeState(StrEnum):
    SCHEDULED = "SCHEDULED"
    PUBLISHED = "PUBLISHED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"
