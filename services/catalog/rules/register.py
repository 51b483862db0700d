"""Who and where: levels, kinds of organisation, and the tree of halls (A3, A5, A9.1)."""

from enum import StrEnum


class Level(StrEnum):
    PROVINCE = "PROVINCE"
    CITY = "CITY"
    NEW_AREA = "NEW_AREA"
    COUNTY = "COUNTY"


class HallLevel(StrEnum):
    PROVINCE = "PROVINCE"
    CITY = "CITY"
    COUNTY = "COUNTY"


class OrganisationKind(StrEnum):
    PROVINCIAL_AUTHORITY = "PROVINCIAL_AUTHORITY"
    PROVINCIAL_DEPARTMENT = "PROVINCIAL_DEPARTMENT"
    CITY_AUTHORITY = "CITY_AUTHORITY"
    COUNTY_AUTHORITY = "COUNTY_AUTHORITY"
    OPERATOR = "OPERATOR"
    PARTNER = "PARTNER"


class Domain(StrEnum):
    """The four domains of management: 服务, 运营, 运维, 安全 (A3)."""

    SERVICE = "SERVICE"
    OPERATION = "OPERATION"
    MAINTENANCE = "MAINTENANCE"
    SECURITY = "SECURITY"


class Post(StrEnum):
    """Who stands where in a unit: 专人, who stands in for them, and the 分管负责人 above both."""

    RESPONSIBLE = "RESPONSIBLE"
    DEPUTY = "DEPUTY"
    LEADER = "LEADER"


NEEDED_PERSONS = (Domain.OPERATION, Domain.MAINTENANCE)  # A12.2, A17.1

PARENT_LEVEL: dict[Level, frozenset[Level]] = {
    Level.PROVINCE: frozenset(),
    Level.CITY: frozenset({Level.PROVINCE}),
    Level.NEW_AREA: frozenset({Level.PROVINCE}),
    Level.COUNTY: frozenset({Level.CITY, Level.NEW_AREA}),
}
REGION_LEVELS: dict[OrganisationKind, frozenset[Level]] = {
    OrganisationKind.PROVINCIAL_AUTHORITY: frozenset({Level.PROVINCE}),
    OrganisationKind.PROVINCIAL_DEPARTMENT: frozenset({Level.PROVINCE}),
    OrganisationKind.CITY_AUTHORITY: frozenset({Level.CITY, Level.NEW_AREA}),
    OrganisationKind.COUNTY_AUTHORITY: frozenset({Level.COUNTY}),
    OrganisationKind.OPERATOR: frozenset({Level.PROVINCE}),
    OrganisationKind.PARTNER: frozenset(Level),
}
HALL_LEVELS: dict[HallLevel, frozenset[Level]] = {
    HallLevel.PROVINCE: frozenset({Level.PROVINCE}),
    HallLevel.CITY: frozenset({Level.CITY, Level.NEW_AREA}),
    HallLevel.COUNTY: frozenset({Level.COUNTY}),
}
PARENT_HALL: dict[HallLevel, HallLevel | None] = {
    HallLevel.PROVINCE: None,
    HallLevel.CITY: HallLevel.PROVINCE,
    HallLevel.COUNTY: HallLevel.CITY,
}
MERGES_INTO: dict[HallLevel, HallLevel] = {
    HallLevel.CITY: HallLevel.CITY,
    HallLevel.COUNTY: HallLevel.CITY,
}
"""The level of the hall that one of this level may merge into (A5.3)."""
