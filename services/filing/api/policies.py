"""Limits: proposed with their effect on running clocks, then confirmed."""

from fastapi import APIRouter, Response

from services.filing import commands
from services.filing.commands import Proposed
from services.filing.schemas import MoveView, PolicyProposalBody, ProposalView
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.toolbox_api import PolicyView, policy_view

router = APIRouter(route_class=OperationRoute, tags=["限期"])


@router.put("/v1/filing/policies/{key}")
async def propose_limit(
    tx: Tx, response: Response, key: str, body: PolicyProposalBody
) -> ProposalView:
    proposed = await commands.propose_policy(
        tx, key, amount=body.value, source=body.source, effective_from=body.effective_from
    )
    return _view(response, proposed)


@router.get("/v1/filing/policies/{key}/proposal")
async def get_limit_proposal(tx: Tx, response: Response, key: str) -> ProposalView:
    return _view(response, await commands.find_proposal(tx, key))


@router.post("/v1/filing/policies/{key}/confirmation")
async def confirm_limit(tx: Tx, response: Response, key: str) -> PolicyView:
    policy = await commands.confirm_policy(tx, key)
    set_version(response, policy.version)
    return policy_view(policy)


def _view(response: Response, proposed: Proposed) -> ProposalView:
    proposal, current, effect = proposed.proposal, proposed.current, proposed.effect
    set_version(response, proposal.version)
    moves = sorted(effect.moves.items(), key=lambda move: [str(day) for day in move[0]])
    return ProposalView(
        key=proposal.key,
        unit=current.unit,
        current_value=int(current.value),
        current_version=current.version,
        value=proposal.amount,
        source=proposal.source,
        effective_from=proposal.effective_from,
        loosens=proposed.loosens,
        proposed_by=proposal.proposed_by,
        proposed_at=proposal.proposed_at,
        running=effect.running,
        examined=effect.examined,
        moves=[
            MoveView(from_date=before, to_date=after, count=count)
            for (before, after), count in moves
        ],
        late_at_once=effect.late_at_once,
        version=proposal.version,
    )
