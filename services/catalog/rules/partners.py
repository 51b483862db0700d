"""Partners as catalog follows them: who may be listed, and who was forced out (A15)."""

from datetime import date
from enum import StrEnum


class PartnerState(StrEnum):
    """Filing's own states; filing's decisions alone change them."""

    ACTIVE = "ACTIVE"
    FORCED_OUT = "FORCED_OUT"


def may_be_listed(state: str, *, valid_until: date, today: date) -> bool:
    """A partner's services are listed while its approval holds (A15.2)."""
    return state == PartnerState.ACTIVE and today <= valid_until
