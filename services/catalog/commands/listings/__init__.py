"""The public life of listings, moved by filing's decisions alone (A11, C1, C7, C8)."""

from services.catalog.commands.listings.assurance import set_assurance
from services.catalog.commands.listings.decisions import accept
from services.catalog.commands.listings.delisting import (
    archive_old,
    delist_all,
    delist_in_emergency,
)
from services.catalog.commands.listings.documents import retype
from services.catalog.commands.listings.filings import accept_plan, note_progress, note_submission
from services.catalog.commands.listings.places import move_to_hall
from services.catalog.commands.listings.publication import publish_due
from services.catalog.commands.listings.rechecks import flag_rechecks

__all__ = [
    "accept",
    "accept_plan",
    "archive_old",
    "delist_all",
    "delist_in_emergency",
    "flag_rechecks",
    "move_to_hall",
    "note_progress",
    "note_submission",
    "publish_due",
    "retype",
    "set_assurance",
]
