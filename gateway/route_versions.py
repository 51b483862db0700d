"""The route table's versions: seeded from code, checked before they serve (G4)."""

from sqlalchemy import select, text

from gateway.routes import RouteTable, as_rows, table_digest
from gateway.tables import RouteVersion
from shared.database import Database, Transaction
from shared.security.identity import system


async def seed(database: Database) -> None:
    """Write the code's table as the next version when it differs from the last one."""
    rows = as_rows()
    RouteTable()  # a table that is not consistent never gets a version
    async with database.transaction(system("gateway")) as tx:
        await tx.session.execute(
            text("select pg_advisory_xact_lock(hashtextextended('routes', 3))")
        )
        last = await tx.session.scalar(
            select(RouteVersion).order_by(RouteVersion.version.desc()).limit(1)
        )
        fresh = table_digest(rows)
        if last is not None and last.digest == fresh:
            return
        version = last.version + 1 if last is not None else 1
        tx.session.add(
            RouteVersion(
                version=version, digest=fresh, routes=rows, set_by="release", set_at=tx.now
            )
        )
        tx.audit("routes.versioned", subject="routes", details={"version": version})


async def current(tx: Transaction) -> RouteVersion:
    found: RouteVersion | None = await tx.session.scalar(
        select(RouteVersion).order_by(RouteVersion.version.desc()).limit(1)
    )
    if found is None:
        raise LookupError("the route table was not seeded")
    return found
