"""New versions of filing types: what runs stays on its own (F1)."""

from collections.abc import Mapping
from typing import Any

from services.filing import rules
from services.filing.commands.records import filing_types, lock_names, today
from services.filing.errors import TypeFlowFixed, TypeVersionOutOfOrder
from services.filing.rules import FilingType
from services.filing.tables import FilingTypeVersion
from shared.database import Transaction


async def issue_type_version(
    tx: Transaction, kind: str, definition: Mapping[str, Any], *, effective_from: Any
) -> FilingType:
    """The next version of a type, from a day that is not past."""
    await lock_names(tx, f"type:{kind}")
    known = await filing_types(tx)
    latest = max(
        (each for each in known if each.type == kind),
        key=lambda each: each.version,
        default=None,
    )
    if latest is None:
        return rules.in_force(known, kind, today(tx))
    if effective_from < max(today(tx), latest.effective_from):
        raise TypeVersionOutOfOrder(latest=latest.effective_from)
    if not latest.may_flow(definition["flow"], definition["flow_local"]):
        raise TypeFlowFixed(clause=latest.clause, flow=latest.flow)
    row = {
        **definition,
        "type": kind,
        "version": latest.version + 1,
        "clause": latest.clause,
        "review": latest.review,
        "filers": sorted(latest.filers),
    }
    made = rules.read_type({**row, "effective_from": effective_from})
    tx.session.add(
        FilingTypeVersion(
            type=kind,
            version=made.version,
            definition=row,
            effective_from=effective_from,
            issued_by=tx.actor.subject,
            issued_at=tx.now,
        )
    )
    tx.audit("type.issued", subject=f"filing-type:{kind}", details={"version": made.version})
    return made
