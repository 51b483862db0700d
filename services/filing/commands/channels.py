"""Halls that are kept by filing (A5.5), and channels that are excepted by application (A5.1)."""

from services.filing import rules
from services.filing.commands import terms
from services.filing.rules import TermKind
from services.filing.tables import Filing, KnownHall
from shared.database import Transaction
from shared.events.filing import ChannelExceptionGranted, SubhallRetained

# --- a hall is kept ------------------------------------------------------------------------------


def hall_subject(filing: Filing) -> str:
    return f"hall:{filing.content['hall_id']}"


async def check_retention(
    tx: Transaction, filing: Filing, organisation: rules.Organisation
) -> list[rules.Flaw]:
    row = await tx.session.get(KnownHall, filing.content["hall_id"])
    hall = rules.Hall(row.id, row.region, row.state) if row is not None else None
    return [
        *rules.hall_flaws(hall, organisation),
        *await terms.term_flaws(tx, filing, TermKind.RETENTION, "A5.5"),
    ]


async def may_retain(tx: Transaction, filing: Filing) -> None:
    await terms.refuse_overlap(tx, filing, TermKind.RETENTION, "A5.5")


async def retain(tx: Transaction, filing: Filing) -> None:
    """Accepted: catalog keeps the hall that long."""
    term = await terms.grant(tx, filing, TermKind.RETENTION, "A5.5")
    tx.emit(
        SubhallRetained(
            filing_id=filing.id,
            hall_id=filing.content["hall_id"],
            organisation_id=filing.organisation_id,
            since=term.since,
            until=term.until,
        ),
        subject=f"hall:{filing.content['hall_id']}",
        region=filing.region,
    )


# --- a channel is excepted -----------------------------------------------------------------------


def channel_subject(filing: Filing) -> str:
    """One channel of one unit, however its name is spaced or cased."""
    name = "".join(filing.content["channel_name"].split()).casefold()
    return f"channel:{filing.organisation_id}:{filing.content['channel_kind']}:{name}"


async def check_channel(
    tx: Transaction, filing: Filing, organisation: rules.Organisation
) -> list[rules.Flaw]:
    del organisation
    return await terms.term_flaws(tx, filing, TermKind.CHANNEL, "A5.1")


async def may_except(tx: Transaction, filing: Filing) -> None:
    await terms.refuse_overlap(tx, filing, TermKind.CHANNEL, "A5.1")


async def grant_exception(tx: Transaction, filing: Filing) -> None:
    """Approved: catalog registers the channel, flagged as an exception."""
    term = await terms.grant(tx, filing, TermKind.CHANNEL, "A5.1")
    tx.emit(
        ChannelExceptionGranted(
            filing_id=filing.id,
            channel_name=filing.content["channel_name"],
            channel_kind=filing.content["channel_kind"],
            organisation_id=filing.organisation_id,
            until=term.until,
        ),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )
