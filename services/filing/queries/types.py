"""Filing types as they stand today, with every version that was ever in force (F1)."""

from collections.abc import Callable, Sequence

from sqlalchemy import select

from services.filing import rules
from services.filing.rules import FLOWS, Action, FilingKind, FilingType, Flow, State
from services.filing.schemas import CONTENT_MODELS, FilingTypeView
from services.filing.tables import FilingTypeVersion
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.lifecycle import mermaid

Label = Callable[[str], str]


async def list_types(tx: Transaction, label: Label) -> list[FilingTypeView]:
    """The version of each type that is in force today; `label` gives words for codes."""
    known = await _known(tx)
    return [_view(_today(tx, known, kind), known, label) for kind in FilingKind]


async def show_type(
    tx: Transaction, kind: str, label: Label, *, version: int | None = None
) -> FilingTypeView:
    """A type in the version in force, or in a named one; `filing_type_not_found` (404)."""
    known = await _known(tx)
    if version is not None:
        return _view(rules.version_of(known, kind, version), known, label)
    return _view(_today(tx, known, kind), known, label)


def _today(tx: Transaction, known: Sequence[FilingType], kind: str) -> FilingType:
    return rules.in_force(known, kind, tx.now.astimezone(SHANGHAI).date())


async def _known(tx: Transaction) -> tuple[FilingType, ...]:
    await tx.session.flush()
    issued = await tx.session.scalars(select(FilingTypeVersion))
    return (*rules.TYPES, *(rules.read_issued(row) for row in issued))


def _view(type_: FilingType, known: Sequence[FilingType], label: Label) -> FilingTypeView:
    words: dict[str, str] = {state: label(f"state.{state}") for state in State}
    words |= {action: label(f"action.{action}") for action in Action}
    flows: list[Flow] = list(dict.fromkeys([type_.flow, type_.flow_local]))
    return FilingTypeView(
        filing_type=type_.type,
        title=label(f"type.{type_.type}"),
        version=type_.version,
        effective_from=type_.effective_from,
        flow=type_.flow,
        flow_local=type_.flow_local,
        clause=type_.clause,
        review=type_.review,
        needs_plan_line=type_.needs_plan_line,
        needs_self_test=type_.needs_self_test,
        needs_live_listing=type_.needs_live_listing,
        may_withdraw=type_.may_withdraw,
        content_schema=CONTENT_MODELS[type_.type].model_json_schema(),
        diagrams={flow: mermaid(FLOWS[flow], words) for flow in flows},
        versions=sorted(each.version for each in known if each.type == type_.type),
    )
