"""Probes from configurations of Gatus and blackbox_exporter."""

from fastapi import APIRouter

from services.monitoring.commands import imports as commands
from services.monitoring.rules.imports import Asked
from services.monitoring.schemas.imports import ImportFlaw, ImportInput, ImportView, PlannedView
from shared.http.operations import OperationRoute, Related, Tx

router = APIRouter(route_class=OperationRoute, tags=["运行监测"])


@router.post("/v1/probe-imports")
async def import_probes(tx: Tx, relation: Related, body: ImportInput) -> ImportView:
    asked = [Asked(each.module, each.target) for each in body.targets]
    reading = await commands.plan_import(
        tx, body.listing_id, body.document, form=body.form, asked=asked, relation=relation
    )
    created = []
    if not body.dry_run:
        created = await commands.import_probes(tx, body.listing_id, reading, relation=relation)
    return ImportView(
        dry_run=body.dry_run,
        probes=[PlannedView.model_validate(each) for each in reading.probes],
        errors=[ImportFlaw.model_validate(each) for each in reading.errors],
        left=reading.left,
        created=created,
    )
