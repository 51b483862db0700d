"""Bulk import: the file is kept with its job in one transaction, then worked part by part (DEP4).

A job that a crash interrupts is taken up at the row where it stood. Good rows go in with their
events, a part at a time; a wrong row stops no other.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

from pydantic import BaseModel
from sqlalchemy import delete, insert, select

from services.catalog.commands import listings
from services.catalog.commands.import_rows import (
    REGISTERS,
    Row,
    as_columns,
    change_of,
    flaw_of,
    parse,
    place_of,
    read_row,
    row_key,
)
from services.catalog.commands.persons import open_persons
from services.catalog.commands.register import Entries, Ledger, open_entries
from services.catalog.errors import ImportFileWrong, ResourceUnknown
from services.catalog.rules.tables import (
    CHUNK,
    DIFF_ROWS,
    LAYOUTS,
    MAX_ROWS,
    PERSONAL,
    FileFlaw,
    ImportState,
    Outcome,
    check_columns,
    parents_first,
)
from services.catalog.tables import Import, ImportFlaw, ImportRow
from shared.database import Transaction
from shared.errors import FieldError
from shared.security.encryption import Keyring, encrypt
from shared.security.identity import Actor, Role

_GIVE_UP_AFTER = 5


def refuse_unknown_resource(resource: str) -> None:
    if resource not in LAYOUTS:
        raise ResourceUnknown(resource=resource, allowed=sorted(LAYOUTS))


def json_rows(resource: str, document: Any) -> list[Row]:
    """The rows of a JSON array of objects with the template's columns; FileFlaw for the whole."""
    if not isinstance(document, list):
        raise FileFlaw("import_not_array")
    rows: list[Row] = [row if isinstance(row, dict) else None for row in document]
    found = {name for row in rows if row is not None for name in row}
    check_columns(resource, sorted(found | set(LAYOUTS[resource].columns)))
    return rows


async def start_import(
    tx: Transaction, resource: str, rows: Sequence[Row], *, dry_run: bool, keyring: Keyring
) -> Import:
    """Keep the job and its rows; `import_file_wrong` (422) for no rows or too many."""
    if not 0 < len(rows) <= MAX_ROWS:
        flaw = "import_too_long" if rows else "import_empty"
        raise ImportFileWrong(errors=[FieldError("", flaw, {"most": MAX_ROWS})])
    job = Import(
        id=uuid4(),
        resource=resource,
        dry_run=dry_run,
        state=ImportState.PENDING,
        total=len(rows),
        done=0,
        failed=0,
        diff=[],
        actor={
            **asdict(tx.actor),
            "scopes": sorted(tx.actor.scopes),
            "groups": sorted(tx.actor.groups),
        },
        created_at=tx.now,
    )
    tx.session.add(job)
    await tx.session.flush()
    await _keep_rows(tx, job, rows, keyring)
    tx.audit(
        "import.started",
        subject=f"import:{job.id}",
        details={"resource": resource, "rows": len(rows), "dry_run": dry_run},
    )
    return job


async def _keep_rows(tx: Transaction, job: Import, rows: Sequence[Row], keyring: Keyring) -> None:
    """Store the rows parents first; a repeated key and a row of another width fail at once."""
    layout = LAYOUTS[job.resource]
    keys = [row_key(job.resource, row, keyring) for row in rows]
    parents = [
        str(row.get(layout.parent) or "") or None if row and layout.parent else None for row in rows
    ]
    seen: set[str] = set()
    kept: list[dict[str, Any]] = []
    flaws: list[dict[str, Any]] = []
    for place in parents_first(list(zip(keys, parents, strict=True))):
        row, key, number = rows[place], keys[place], place + 1
        if row is None:
            flaws.append(flaw_of(job.id, number, FieldError("", "row_cells")))
        elif key and key in seen:
            flaws.append(flaw_of(job.id, number, FieldError(layout.key[0], "row_repeated")))
        else:
            seen.add(key)
            cells = json.dumps(row, ensure_ascii=False)
            if job.resource in PERSONAL:
                cells = encrypt(keyring, cells, context=place_of(job.id, number))
            kept.append(
                {
                    "import_id": job.id,
                    "position": len(kept),
                    "number": number,
                    "key": key,
                    "cells": cells,
                }
            )
    if kept:
        await tx.session.execute(insert(ImportRow), kept)
    if flaws:
        await tx.session.execute(insert(ImportFlaw), flaws)
    job.done = job.failed = len(flaws)


async def next_import(tx: Transaction) -> tuple[UUID, Actor] | None:
    """The oldest job that is not done, and who started it."""
    row = (
        await tx.session.execute(
            select(Import.id, Import.actor)
            .where(Import.state.in_([ImportState.PENDING, ImportState.RUNNING]))
            .order_by(Import.created_at, Import.id)
            .limit(1)
        )
    ).one_or_none()
    if row is None:
        return None
    actor = {
        **row.actor,
        "role": Role(row.actor["role"]),
        "scopes": frozenset(row.actor["scopes"]),
        "groups": frozenset(row.actor["groups"]),
    }
    return row.id, Actor(**actor)


async def work_import(tx: Transaction, import_id: UUID, *, keyring: Keyring) -> None:
    """Work the next part of a job; nothing when another replica has it in hand."""
    job = await tx.session.scalar(
        select(Import).where(Import.id == import_id).with_for_update(skip_locked=True)
    )
    if job is None or job.state in (ImportState.DONE, ImportState.FAILED):
        return
    rows = (
        await tx.session.scalars(
            select(ImportRow)
            .where(ImportRow.import_id == import_id, ImportRow.outcome.is_(None))
            .order_by(ImportRow.position)
            .limit(CHUNK)
        )
    ).all()
    job.state = ImportState.RUNNING
    if rows:
        await _work_rows(tx, job, rows, keyring)
    if len(rows) < CHUNK:
        await _finish(tx, job, ImportState.DONE)


async def _work_rows(
    tx: Transaction, job: Import, rows: Sequence[ImportRow], keyring: Keyring
) -> None:
    read = [read_row(job, row, keyring) for row in rows]
    given = [body for body, _ in read if body is not None]
    ledger = await _open(tx, job, given, keyring)
    flaws: list[dict[str, Any]] = []
    changes: list[Any] = list(job.diff)
    retyped: list[str] = []
    for row, (body, found) in zip(rows, read, strict=True):
        errors = found or ledger.flaws(body)
        if errors:
            row.outcome = Outcome.FAILED
            flaws += [
                flaw_of(job.id, row.number, each, place)
                for place, each in enumerate(as_columns(job.resource, errors))
            ]
            continue
        outcome, changed = ledger.take(tx, body, dry_run=job.dry_run)
        row.outcome = outcome
        if outcome is Outcome.UPDATED and "item_type" in changed:
            retyped.append(row.key)
        if job.dry_run and outcome is not Outcome.UNCHANGED and len(changes) < DIFF_ROWS:
            changes.append(change_of(job.resource, row, outcome, changed))
    if flaws:
        await tx.session.execute(insert(ImportFlaw), flaws)
    if retyped and not job.dry_run:
        await tx.session.flush()
        await listings.retype(tx, retyped)
    job.diff = changes
    for outcome in Outcome:
        count = sum(row.outcome == outcome for row in rows)
        setattr(job, outcome.lower(), (getattr(job, outcome.lower()) or 0) + count)
    job.done += len(rows)


async def _open(tx: Transaction, job: Import, given: Sequence[Any], keyring: Keyring) -> Ledger:
    if job.resource in PERSONAL:
        return await open_persons(tx, keyring, given)
    entries = await open_entries(tx, REGISTERS[job.resource], given)
    if job.dry_run and LAYOUTS[job.resource].parent:
        await _know_earlier_rows(tx, job, entries, given)
    return entries


async def _know_earlier_rows(
    tx: Transaction, job: Import, entries: Entries[Any, Any], given: Sequence[BaseModel]
) -> None:
    """In a dry run, parents of an earlier part are in the file only."""
    parents = {getattr(each, "parent", None) for each in given} - {None}
    earlier = await tx.session.scalars(
        select(ImportRow).where(
            ImportRow.import_id == job.id,
            ImportRow.key.in_(parents),
            ImportRow.outcome.in_([Outcome.INSERTED, Outcome.UPDATED]),
        )
    )
    for row in earlier.all():
        body, _ = parse(job.resource, json.loads(row.cells))
        entries.foresee(body)


async def _finish(tx: Transaction, job: Import, state: ImportState) -> None:
    """The counts and errors stay; the rows, which may hold personal data, go."""
    await tx.session.flush()
    await tx.session.execute(delete(ImportRow).where(ImportRow.import_id == job.id))
    job.state, job.finished_at = state, tx.now
    tx.audit(
        "import.finished",
        subject=f"import:{job.id}",
        details={
            "state": state,
            **{outcome.lower(): getattr(job, outcome.lower()) for outcome in Outcome},
        },
    )


async def note_failure(tx: Transaction, import_id: UUID) -> None:
    """A part that failed as a whole is tried again a few times, then the job is given up."""
    job = await tx.session.scalar(select(Import).where(Import.id == import_id).with_for_update())
    if job is None or job.state in (ImportState.DONE, ImportState.FAILED):
        return
    job.tries += 1
    if job.tries >= _GIVE_UP_AFTER:
        await _finish(tx, job, ImportState.FAILED)
