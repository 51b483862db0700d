"""Who acts: a person or a system of one organisation, in one role, for one region."""

from dataclasses import dataclass
from enum import StrEnum

PROVINCE_REGION = "36"


class Role(StrEnum):
    """The parties of the measures (A6–A9, A15), and the systems that speak for nobody."""

    PROVINCE = "PROVINCE"
    CITY = "CITY"
    COUNTY = "COUNTY"
    DEPARTMENT = "DEPARTMENT"
    OPERATOR = "OPERATOR"
    PARTNER = "PARTNER"
    APP = "APP"
    CONSOLE = "CONSOLE"


@dataclass(frozen=True, slots=True)
class Actor:
    """The verified claims of a token; `person` is true when a named person acts.

    `groups` are the operator's permission groups; other roles have none (A9.2).
    """

    subject: str
    client_id: str
    organisation: str
    role: Role
    region: str
    scopes: frozenset[str] = frozenset()
    person: bool = False
    groups: frozenset[str] = frozenset()

    def covers(self, region: str) -> bool:
        return region.startswith(scope_prefix(self.region))


def scope_prefix(region: str) -> str:
    """The leading part that a region shares with all below it: 36 → 36, 360100 → 3601 (A4.1)."""
    return region[:4] if len(region) == 6 and region.endswith("00") else region


def system(service: str) -> Actor:
    """The service itself, when an event or the clock caused the change."""
    return Actor(
        subject=f"system:{service}",
        client_id=f"system:{service}",
        organisation="platform",
        role=Role.PROVINCE,
        region=PROVINCE_REGION,
    )
