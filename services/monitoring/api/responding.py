"""What is done about an incident: recorded, acknowledged, acted on, handed over, graded, closed."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.monitoring.commands import responding as commands
from services.monitoring.commands.responding import ACTION, COMMENT, Account, Harm
from services.monitoring.queries import incidents
from services.monitoring.schemas.incidents import (
    AuthorityReportInput,
    ClosureInput,
    CoordinatorInput,
    EntryInput,
    HandoverInput,
    HarmInput,
    IncidentInput,
    IncidentView,
    NoticeLink,
    SeverityInput,
)
from services.monitoring.tables import Incident
from shared.database import Transaction
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx

router = APIRouter(route_class=OperationRoute, tags=["故障处置"])


async def _shown(tx: Transaction, incident: Incident, response: Response) -> IncidentView:
    set_version(response, incident.version)
    return await incidents.show_incident(tx, incident.id)


def _harm(body: HarmInput) -> Harm:
    return Harm(body.percent, body.core_function, body.data_loss)


@router.post("/v1/incidents", status_code=201)
async def record_incident(
    tx: Tx, relation: Related, body: IncidentInput, response: Response
) -> IncidentView:
    given = Account(
        kind=body.kind,
        listing_id=body.listing_id,
        summary=body.summary,
        started_at=body.started_at,
        detected_at=body.detected_at,
        critical=body.critical,
        harm=_harm(body),
    )
    incident = await commands.record_incident(tx, given, relation)
    response.headers["Location"] = f"/v1/incidents/{incident.id}"
    return await _shown(tx, incident, response)


@router.post("/v1/incidents/{incident_id}/acknowledgement")
async def acknowledge_incident(
    tx: Tx, relation: Related, incident_id: UUID, response: Response
) -> IncidentView:
    incident = await commands.acknowledge_incident(tx, incident_id, relation)
    return await _shown(tx, incident, response)


@router.put("/v1/incidents/{incident_id}/severity")
async def grade_incident(
    *, tx: Tx, relation: Related, incident_id: UUID, body: SeverityInput, response: Response
) -> IncidentView:
    incident = await commands.grade_incident(
        tx,
        incident_id,
        relation,
        severity=body.severity,
        harm=_harm(body),
        reason=body.reason,
    )
    return await _shown(tx, incident, response)


@router.post("/v1/incidents/{incident_id}/actions", status_code=201)
async def add_incident_action(
    *, tx: Tx, relation: Related, incident_id: UUID, body: EntryInput, response: Response
) -> IncidentView:
    incident = await commands.write_entry(tx, incident_id, relation, action=ACTION, text=body.text)
    return await _shown(tx, incident, response)


@router.post("/v1/incidents/{incident_id}/comments", status_code=201)
async def add_incident_comment(
    *, tx: Tx, relation: Related, incident_id: UUID, body: EntryInput, response: Response
) -> IncidentView:
    incident = await commands.write_entry(tx, incident_id, relation, action=COMMENT, text=body.text)
    return await _shown(tx, incident, response)


@router.post("/v1/incidents/{incident_id}/handover")
async def hand_over_incident(
    *, tx: Tx, relation: Related, incident_id: UUID, body: HandoverInput, response: Response
) -> IncidentView:
    incident = await commands.hand_over(tx, incident_id, relation, **body.model_dump())
    return await _shown(tx, incident, response)


@router.post("/v1/incidents/{incident_id}/notice")
async def announce_incident(
    *, tx: Tx, relation: Related, incident_id: UUID, body: NoticeLink, response: Response
) -> IncidentView:
    incident = await commands.announce_incident(tx, incident_id, relation, notice_id=body.notice_id)
    return await _shown(tx, incident, response)


@router.post("/v1/incidents/{incident_id}/authority-report")
async def report_incident_to_authority(
    *, tx: Tx, relation: Related, incident_id: UUID, body: AuthorityReportInput, response: Response
) -> IncidentView:
    incident = await commands.report_to_authority(tx, incident_id, relation, **body.model_dump())
    return await _shown(tx, incident, response)


@router.put("/v1/incidents/{incident_id}/coordinator")
async def name_incident_coordinator(
    *, tx: Tx, relation: Related, incident_id: UUID, body: CoordinatorInput, response: Response
) -> IncidentView:
    incident = await commands.name_coordinator(tx, incident_id, relation, **body.model_dump())
    return await _shown(tx, incident, response)


@router.post("/v1/incidents/{incident_id}/closure")
async def close_incident(
    *, tx: Tx, relation: Related, incident_id: UUID, body: ClosureInput, response: Response
) -> IncidentView:
    incident = await commands.close_incident(tx, incident_id, relation, **body.model_dump())
    return await _shown(tx, incident, response)
