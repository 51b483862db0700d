"""Partners: what an application must show before service, and how cooperation ends (A15)."""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Final

from services.filing.rules.content import Flaw, Organisation
from shared.lifecycle import Lifecycle, Step
from shared.security.identity import Role

PARTNER_KIND: Final = "PARTNER"
_SUPERVISORS = frozenset(
    {"PROVINCIAL_AUTHORITY", "PROVINCIAL_DEPARTMENT", "CITY_AUTHORITY", "COUNTY_AUTHORITY"}
)


class PartnerState(StrEnum):
    ACTIVE = "ACTIVE"
    FORCED_OUT = "FORCED_OUT"


class PartnerAction(StrEnum):
    RENEW = "RENEW"
    FORCE_OUT = "FORCE_OUT"


# A partner is there from its approved application on; once forced out it never comes back.
PARTNER = Lifecycle(
    name="partner",
    initial=PartnerState.ACTIVE,
    steps=(
        Step(
            PartnerAction.RENEW,
            {PartnerState.ACTIVE},
            PartnerState.ACTIVE,
            {Role.PROVINCE},
            clause="A15.2",
        ),
        Step(
            PartnerAction.FORCE_OUT,
            {PartnerState.ACTIVE},
            PartnerState.FORCED_OUT,
            {Role.PROVINCE},
            clause="A15.5",
        ),
    ),
    terminal={PartnerState.FORCED_OUT},
)

_CHARACTERS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100-2015: no I, O, S, V, Z


def uscc_is_right(code: str) -> bool:
    """The 18th character of a unified social credit code checks the first 17 (GB 32100-2015)."""
    if len(code) != 18 or any(character not in _CHARACTERS for character in code):
        return False
    total = sum(_CHARACTERS.index(code[place]) * pow(3, place, 31) for place in range(17))
    return _CHARACTERS[-total % 31] == code[17]


def application_flaws(
    content: Mapping[str, Any], *, supervisor: Organisation | None, today: date
) -> Iterable[Flaw]:
    """Who it is, what it may, what was agreed and who supervises it; all of it in force (A15.2)."""
    if not uscc_is_right(content["uscc"]):
        yield Flaw("uscc_invalid", "/content/uscc", "A15.2")
    for number, each in enumerate(content["qualifications"]):
        if date.fromisoformat(each["valid_until"]) < today:
            pointer = f"/content/qualifications/{number}/valid_until"
            yield Flaw("qualification_over", pointer, "A15.2")
    agreement = content["agreement"]
    signed_on, valid_until = (
        date.fromisoformat(agreement[name]) for name in ("signed_on", "valid_until")
    )
    if signed_on > today or valid_until < today:
        yield Flaw("agreement_not_in_force", "/content/agreement", "A15.2")
    if supervisor is None or supervisor.kind not in _SUPERVISORS:
        yield Flaw("supervisor_unknown", "/content/supervising_organisation", "A15.2")
