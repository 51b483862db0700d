"""The route table's versions: seeded from code, changed at run time, checked before they serve.

A version is a release's rows with the rules on top. The release is the code's: a replica of an
older release serves its own rows under the same rules (G4).
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from sqlalchemy import delete, select, text

from gateway import route_rules
from gateway.errors import RouteChangeInvalid, RouteRulesOverdue, RouteVersionNotFound
from gateway.route_rules import RouteRule, Rules
from gateway.routes import RouteTable, as_rows, table_digest
from gateway.tables import LogOnlyFinding, RouteVersion
from shared.clock import SHANGHAI
from shared.database import Database, Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import system

RELEASE = "release"


async def seed(database: Database, *, enforce_overdue: bool) -> RouteTable:
    """The table to start with; a new release's rows become the next version, rules and all.

    ValueError when a log-only rule is past its day and nobody has decided on it (trap 9 of the
    peers), unless `enforce_overdue` says that it shall refuse from now on.
    """
    async with database.transaction(system("gateway")) as tx:
        await _lock(tx)
        last = await _last(tx)
        base, today = table_digest(as_rows({})), _today(tx)
        rules = route_rules.carried(rules_of(last)) if last is not None else {}
        late = route_rules.overdue(rules, today)
        if late and not enforce_overdue:
            raise ValueError(
                f"routes {', '.join(late)} only log past their enforce date: change the routes, or"
                " start with GFT_ENFORCE_OVERDUE=true to let them refuse"
            )
        for operation in late:
            rules[operation] = RouteRule(rules[operation].roles, rules[operation].scope)
        if last is None or last.base != base or late:
            await _write(tx, last, rules, base=base, reason=RELEASE)
            last = await current(tx)
        return RouteTable(rules=rules, version=last.version, today=today)


async def follow(database: Database, serving: RouteTable) -> RouteTable:
    """The table that serves from now on: the same one unless a version or a day has begun."""
    async with database.transaction(system("gateway")) as tx:
        newest = await tx.session.scalar(text("select max(version) from route_versions"))
        if (newest, _today(tx)) == (serving.version, serving.today):
            return serving
        row = await current(tx)
        rules = route_rules.carried(rules_of(row))
        return RouteTable(rules=rules, version=row.version, today=_today(tx))


async def change(
    tx: Transaction,
    wanted: Mapping[str, RouteRule | None],
    *,
    reason: str,
    longest: timedelta,
) -> RouteVersion:
    """The next version: these rules set or, where None, taken away; the others stay."""
    last = await _locked(tx)
    before = rules_of(last)
    fresh = {operation: rule for operation, rule in wanted.items() if rule is not None}
    wrong = route_rules.faults(fresh, today=_today(tx), longest=longest)
    if wrong:
        raise RouteChangeInvalid(errors=wrong)
    rules = {**route_rules.without(before, wanted), **fresh}
    late = route_rules.overdue(rules, _today(tx))
    if late:
        raise RouteRulesOverdue(allowed=late, operations=", ".join(late))
    return await _write(tx, last, rules, base=last.base, reason=reason)


async def restore(
    tx: Transaction, version: int, *, reason: str, longest: timedelta
) -> RouteVersion:
    """The next version with the rules of an earlier one, checked as if they were new."""
    last = await _locked(tx)
    rules = rules_of(await get(tx, version))
    wrong = route_rules.faults(rules, today=_today(tx), longest=longest)
    if wrong:
        raise RouteChangeInvalid(errors=wrong)
    return await _write(tx, last, rules, base=last.base, reason=reason)


async def current(tx: Transaction) -> RouteVersion:
    found = await _last(tx)
    if found is None:
        raise LookupError("the route table was not seeded")
    return found


async def get(tx: Transaction, version: int) -> RouteVersion:
    found = await tx.session.get(RouteVersion, version)
    if found is None:
        raise RouteVersionNotFound(version=version)
    return found


async def page_of(tx: Transaction, page: PageRequest) -> tuple[Sequence[RouteVersion], str | None]:
    """Newest first."""
    statement = keyset(
        select(RouteVersion), page, columns=[RouteVersion.version], kinds=[int], descending=True
    )
    return cut((await tx.session.scalars(statement)).all(), page, lambda row: (row.version,))


async def findings(
    tx: Transaction, page: PageRequest
) -> tuple[Sequence[LogOnlyFinding], str | None]:
    """Whom log-only rules would have refused, a row for each route, client and reason."""
    key = [LogOnlyFinding.operation, LogOnlyFinding.client_id, LogOnlyFinding.reason]
    statement = keyset(select(LogOnlyFinding), page, columns=key, kinds=[str, str, str])
    rows = (await tx.session.scalars(statement)).all()
    return cut(rows, page, lambda row: (row.operation, row.client_id, row.reason))


def rules_of(row: RouteVersion) -> dict[str, RouteRule]:
    return {operation: RouteRule.read(rule) for operation, rule in row.rules.items()}


async def _write(
    tx: Transaction, last: RouteVersion | None, rules: Rules, *, base: str, reason: str
) -> RouteVersion:
    rows = as_rows(rules)
    version = 1 if last is None else last.version + 1
    RouteTable(rules=rules)  # a table that is not consistent never gets a version
    before = {} if last is None else rules_of(last)
    changed = sorted(
        operation
        for operation in {*before, *rules}
        if before.get(operation) != rules.get(operation)
    )
    row = RouteVersion(
        version=version,
        base=base,
        digest=table_digest(rows),
        routes=rows,
        rules={operation: rule.dump() for operation, rule in sorted(rules.items())},
        reason=reason,
        set_by=RELEASE if reason == RELEASE else tx.actor.subject,
        set_at=tx.now,
    )
    tx.session.add(row)
    # what an earlier rule would have refused says nothing of this one
    await tx.session.execute(delete(LogOnlyFinding).where(LogOnlyFinding.operation.in_(changed)))
    tx.audit(
        "routes.versioned",
        subject="routes",
        details={"version": version, "changed": changed, "reason": reason},
    )
    return row


async def _locked(tx: Transaction) -> RouteVersion:
    await _lock(tx)
    last = await current(tx)
    tx.expect(last.version)
    return last


async def _lock(tx: Transaction) -> None:
    await tx.session.execute(text("select pg_advisory_xact_lock(hashtextextended('routes', 3))"))


async def _last(tx: Transaction) -> RouteVersion | None:
    found: RouteVersion | None = await tx.session.scalar(
        select(RouteVersion).order_by(RouteVersion.version.desc()).limit(1)
    )
    return found


def _today(tx: Transaction) -> date:
    return tx.now.astimezone(SHANGHAI).date()
