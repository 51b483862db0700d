"""Whether the schema is at the head that this code was built for (readiness, OPS4)."""

from functools import cache

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from shared.database import Database
from shared.migrations.lineage import head

_known_head = cache(head)


async def at_head(database: Database) -> bool:
    try:
        async with database.engine.connect() as connection:
            current = await connection.scalar(text("select version_num from alembic_version"))
    except (SQLAlchemyError, OSError):
        return False
    return bool(current == _known_head(database.schema))
