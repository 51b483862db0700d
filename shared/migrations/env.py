"""Runs migrations on the connection that `shared.migrations.__main__` opened and locked."""

import re

from alembic import context
from sqlalchemy import Connection

from shared.migrations.lineage import metadata

COMPONENT: str = context.config.attributes["component"]


_PARTITION = re.compile(r"_p\d{8}$")


def _own_schema(name: str | None, kind: str, _parents: object) -> bool:
    """The component's own schema, without the day partitions that come and go in it."""
    if kind == "table" and name is not None and _PARTITION.search(name):
        return False
    return kind != "schema" or name == COMPONENT


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata(COMPONENT),
        version_table_schema=COMPONENT,
        include_schemas=True,
        include_name=_own_schema,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
