"""The tables of schema `catalog`."""

from services.catalog.tables.assets import Asset
from services.catalog.tables.assurance import ListingAssurance
from services.catalog.tables.channels import Channel
from services.catalog.tables.imports import Import, ImportFlaw, ImportRow, NightlyRun
from services.catalog.tables.listings import (
    CoverageExemption,
    Listing,
    ListingAppearance,
    ListingFiling,
    ListingVersion,
    PlanLine,
    SearchEpoch,
)
from services.catalog.tables.mapping import Base, metadata
from services.catalog.tables.notices import Notice, NoticeWording
from services.catalog.tables.partners import Partner
from services.catalog.tables.register import (
    Hall,
    HallRetention,
    Item,
    Norm,
    Organisation,
    Region,
    ResponsiblePerson,
    Zone,
)

__all__ = [
    "Asset",
    "Base",
    "Channel",
    "CoverageExemption",
    "Hall",
    "HallRetention",
    "Import",
    "ImportFlaw",
    "ImportRow",
    "Item",
    "Listing",
    "ListingAppearance",
    "ListingAssurance",
    "ListingFiling",
    "ListingVersion",
    "NightlyRun",
    "Norm",
    "Notice",
    "NoticeWording",
    "Organisation",
    "Partner",
    "PlanLine",
    "Region",
    "ResponsiblePerson",
    "SearchEpoch",
    "Zone",
    "metadata",
]
