"""Postgres and NATS for a local run: our own, or those that the environment names."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local import nats, postgres, roles
from deploy.local.state import LaunchError, State, remembered_port


@dataclass(frozen=True)
class Servers:
    """Where the components connect; a server that is not ours is None here and not stopped."""

    database_urls: Mapping[str, str]
    nats_urls: Mapping[str, str]
    inbox_prefixes: Mapping[str, str]
    nats_monitor_url: str | None
    postgres: postgres.RunningPostgres | None
    nats: nats.RunningNats | None

    def stop(self) -> None:
        if self.nats is not None:
            self.nats.stop()
        if self.postgres is not None:
            self.postgres.stop()


def start(state: State, *, environ: Mapping[str, str] = os.environ) -> Servers:
    """Start what `GFT_DATABASE_URL` and `GFT_NATS_URL` do not name; ensure database and roles.

    Of a database of one's own, roles are made when its user may make them; otherwise every
    component connects as that user. A NATS of one's own gets one URL for every component.
    """
    own_database = None
    own_nats = None
    try:
        database_url = environ.get("GFT_DATABASE_URL")
        if not database_url:
            own_database = postgres.start(state.postgres, port=remembered_port(state, "postgres"))
            database_url = own_database.dsn
        nats_url = environ.get("GFT_NATS_URL")
        if not nats_url:
            own_nats = nats.start(
                state.nats,
                port=remembered_port(state, "nats"),
                monitor_port=remembered_port(state, "nats-monitor"),
            )
        users = own_nats.users if own_nats else {}
        return Servers(
            database_urls=_database_urls(state, database_url, ours=own_database is not None),
            nats_urls={
                name: nats_url or users[name].url for name in (*nats.SERVICES, nats.OPERATOR)
            },
            inbox_prefixes={name: user.inbox_prefix for name, user in users.items()},
            nats_monitor_url=own_nats.monitor_url if own_nats else None,
            postgres=own_database,
            nats=own_nats,
        )
    except BaseException:
        for server in (own_nats, own_database):
            if server is not None:
                server.stop()
        raise


def _database_urls(state: State, dsn: str, *, ours: bool) -> dict[str, str]:
    """A DSN for each role, by its name: `catalog_app`, `catalog_owner`, …."""
    secrets = roles.role_passwords(state.database_passwords)
    try:
        made = asyncio.run(roles.ensure_roles(dsn, passwords=secrets, whole_server=ours))
    except OSError as error:
        raise LaunchError(
            f"无法连接数据库（GFT_DATABASE_URL）：{error.strerror or error}",
            f"cannot reach the database (GFT_DATABASE_URL): {error.strerror or error}",
        ) from error
    if not made:
        return dict.fromkeys(secrets, dsn)
    return {role: roles.role_dsn(dsn, role, secret) for role, secret in secrets.items()}
