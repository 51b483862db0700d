"""What each type adds to its flow: its subject, its checks, what sending and deciding cause.

The types about listings and yearly lists are older than this table and stand in gates,
submission and review.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import select

from services.filing import rules
from services.filing.commands import artefacts, channels, incidents, partners, windows
from services.filing.errors import FilingPending
from services.filing.rules import FilingKind, Flaw
from services.filing.tables import Filing
from shared.database import Transaction

Check = Callable[[Transaction, Filing, rules.Organisation], Awaitable[Sequence[Flaw]]]
Step = Callable[[Transaction, Filing], Awaitable[None]]


async def _nothing(tx: Transaction, filing: Filing) -> None:
    """Most types cause nothing at some step."""


@dataclass(frozen=True, slots=True)
class Effects:
    """`check` looks at the document; `gate` at what is there, under the lock of the subject;
    `sent` and `decided` write what follows.
    """

    subject: Callable[[Filing], str]
    check: Check
    gate: Step = _nothing
    sent: Step = _nothing
    decided: Step = _nothing


_WINDOW = Effects(
    subject=windows.window_subject,
    check=windows.check_window,
    gate=windows.may_step,
    decided=windows.step,
)
EFFECTS: Mapping[str, Effects] = MappingProxyType(
    {
        FilingKind.SUBHALL_RETENTION: Effects(
            subject=channels.hall_subject,
            check=channels.check_retention,
            gate=channels.may_retain,
            decided=channels.retain,
        ),
        FilingKind.CHANNEL_EXCEPTION: Effects(
            subject=channels.channel_subject,
            check=channels.check_channel,
            gate=channels.may_except,
            decided=channels.grant_exception,
        ),
        FilingKind.PARTNER_APPLICATION: Effects(
            subject=partners.partner_subject,
            check=partners.check_application,
            decided=partners.activate,
        ),
        FilingKind.MAINTENANCE: _WINDOW,
        FilingKind.MAJOR_EVENT: _WINDOW,
        FilingKind.INCIDENT_REPORT: Effects(
            subject=incidents.incident_subject,
            check=incidents.check_incident,
            gate=incidents.may_report,
            sent=incidents.report,
        ),
        FilingKind.DOCUMENT: Effects(
            subject=artefacts.artefact_subject,
            check=artefacts.check_artefact,
            sent=artefacts.pay,
            decided=artefacts.keep_artefact,
        ),
    }
)


def subject_of(filing: Filing) -> str | None:
    effects = EFFECTS.get(filing.type)
    return effects.subject(filing) if effects is not None else None


async def check(tx: Transaction, filing: Filing, organisation: rules.Organisation) -> None:
    """Refuse a document that does not qualify, naming every flaw."""
    if effects := EFFECTS.get(filing.type):
        flaws = await effects.check(tx, filing, organisation)
        if flaws:
            raise rules.refusal(flaws)


async def gate(tx: Transaction, filing: Filing) -> None:
    """One pending filing per unit, type and subject; and what the type itself asks for."""
    if effects := EFFECTS.get(filing.type):
        other = await tx.session.scalar(
            select(Filing).where(
                Filing.organisation_id == filing.organisation_id,
                Filing.type == filing.type,
                Filing.subject == filing.subject,
                Filing.state.in_(rules.PENDING),
                Filing.id != filing.id,
            )
        )
        if other is not None:
            raise FilingPending(filing_id=other.id, number=other.number)
        await effects.gate(tx, filing)


async def sent(tx: Transaction, filing: Filing) -> None:
    if effects := EFFECTS.get(filing.type):
        await effects.sent(tx, filing)


async def decided(tx: Transaction, filing: Filing) -> None:
    if effects := EFFECTS.get(filing.type):
        await effects.decided(tx, filing)
