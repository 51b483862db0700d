"""The database, a schema per component and its three roles; safe to run at every start."""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from deploy.local.state import passwords as kept_passwords

COMPONENTS = ("catalog", "filing", "monitoring", "complaints", "assessment", "gateway")
DATABASE = "ganfutong"
EXTENSIONS = ("btree_gist", "pg_trgm")
CONNECTIONS = {"owner": 4, "app": 24, "relay": 3}  # x 6 components = 186 of 200
TIMEOUTS: Mapping[str, Mapping[str, str]] = {
    "owner": {},  # a migration sets its own lock_timeout
    "app": {
        "statement_timeout": "5s",
        "lock_timeout": "1s",
        "idle_in_transaction_session_timeout": "5s",
        "transaction_timeout": "15s",
    },
    "relay": {
        "statement_timeout": "15s",
        "lock_timeout": "1s",
        "idle_in_transaction_session_timeout": "15s",
    },
}


def role_passwords(file: Path, *, services: Sequence[str] = COMPONENTS) -> dict[str, str]:
    """A random password for each role, kept in a 0600 JSON file."""
    return kept_passwords(file, [f"{c}_{kind}" for c in services for kind in CONNECTIONS])


def role_dsn(dsn: str, role: str, password: str, *, database: str = DATABASE) -> str:
    """The same server as `dsn`, for one role and the suite's database."""
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        parts._replace(netloc=f"{quote(role)}:{quote(password, safe='')}@{place}", path=database)
    )


async def ensure_roles(
    superuser_dsn: str,
    *,
    services: Sequence[str] = COMPONENTS,
    passwords: Mapping[str, str],
    database: str = DATABASE,
    whole_server: bool = True,
) -> bool:
    """Make database, schemas and roles as they should be; False where the user may not.

    `<c>_owner` migrates, `<c>_app` reads and writes what the owner makes (append-only tables are
    narrowed by their migration), `<c>_relay` gets each table from a migration. Nobody but these
    roles may connect, and none of them sees another's schema. `whole_server` also closes the
    server's other databases to them: for a server of our own.
    """
    connection = await asyncpg.connect(superuser_dsn)
    try:
        may = await connection.fetchval(
            "select rolsuper or (rolcreaterole and rolcreatedb) from pg_roles"
            " where rolname = current_user"
        )
        if not may:
            return False
        await connection.execute("select pg_advisory_lock(hashtext('ganfutong roles'))")
        for component in services:
            await _ensure_roles_of(connection, component, passwords)
        if not await connection.fetchval("select 1 from pg_database where datname = $1", database):
            await connection.execute(
                f'create database "{database}" template template0 encoding "UTF8"'
                " locale_provider builtin builtin_locale 'C.UTF-8' locale 'C.UTF-8'"
            )
        await connection.execute(f'revoke all on database "{database}" from public')
        if whole_server:
            for other in ("postgres", "template1"):
                await connection.execute(f"revoke all on database {other} from public")
        inside = await asyncpg.connect(superuser_dsn, database=database)
        try:
            async with inside.transaction():
                await _ensure_schemas(inside, services=services, database=database)
        finally:
            await inside.close()
    finally:
        await connection.close()
    return True


async def _ensure_roles_of(
    connection: "asyncpg.Connection[asyncpg.Record]", component: str, passwords: Mapping[str, str]
) -> None:
    for kind, limit in CONNECTIONS.items():
        role = f"{component}_{kind}"
        if not await connection.fetchval("select 1 from pg_roles where rolname = $1", role):
            await connection.execute(f"create role {role}")
        await connection.execute(
            f"alter role {role} login nocreatedb nocreaterole connection limit {limit}"
            f" password '{scram_verifier(passwords[role])}'"
        )
        settings = {**TIMEOUTS[kind], "search_path": f"{component}, extensions"}
        for name, value in settings.items():
            # search_path is a list: quoted as one word it would name one schema
            literal = value if name == "search_path" else f"'{value}'"
            await connection.execute(f"alter role {role} set {name} = {literal}")


async def _ensure_schemas(
    connection: "asyncpg.Connection[asyncpg.Record]", *, services: Sequence[str], database: str
) -> None:
    await connection.execute("revoke all on schema public from public")
    await connection.execute("create schema if not exists extensions")
    for extension in EXTENSIONS:
        await connection.execute(f"create extension if not exists {extension} schema extensions")
    superuser = await connection.fetchval(
        "select rolsuper from pg_roles where rolname = current_user"
    )
    for component in services:
        owner, app, relay = (f"{component}_{kind}" for kind in CONNECTIONS)
        if not superuser:
            await connection.execute(f"grant {owner} to current_user with inherit true, set true")
        await connection.execute(
            f"""
            grant connect on database "{database}" to {owner}, {app}, {relay};
            grant usage on schema extensions to {owner}, {app}, {relay};
            create schema if not exists {component} authorization {owner};
            grant usage on schema {component} to {app}, {relay};
            alter default privileges for role {owner} in schema {component}
                grant select, insert, update, delete on tables to {app};
            alter default privileges for role {owner} in schema {component}
                grant usage, select on sequences to {app};
            """
        )


def scram_verifier(password: str) -> str:
    """What Postgres stores of a password (RFC 5803), so that no statement or log carries it."""
    salt, rounds = os.urandom(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, rounds)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored = hashlib.sha256(client_key).digest()
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server_key)]
    return f"SCRAM-SHA-256${rounds}:{encoded[0]}${encoded[1]}:{encoded[2]}"
