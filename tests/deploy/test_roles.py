"""Database roles: each is refused everything but its own schema."""

import itertools

import asyncpg
import pytest

from deploy.local import postgres, roles
from tests.deploy.programs import ask

PAIRS = list(itertools.permutations(roles.COMPONENTS, 2))
ON_ANOTHER_SCHEMA = (
    "select * from {0}.things",
    "insert into {0}.things (note) values ('intruder')",
    "update {0}.things set note = 'intruder'",
    "delete from {0}.things",
    "truncate {0}.things",
    "do $$ begin lock table {0}.things; end $$",
    "alter table {0}.things add column more text",
    "drop table {0}.things",
    "create table {0}.mine (id int)",
    "select nextval('{0}.things_id_seq')",
    "grant usage on schema {0} to current_user",
    "drop schema {0} cascade",
    "set role {0}_app",
    "set role {0}_owner",
)


@pytest.mark.feature("O3")
@pytest.mark.parametrize("kind", ["app", "relay", "owner"])
async def test_each_role_is_refused_on_every_other_schema(role_dsns, kind):
    allowed = []
    tried = 0

    for component in roles.COMPONENTS:
        connection = await asyncpg.connect(role_dsns[f"{component}_{kind}"])
        for _, other in (pair for pair in PAIRS if pair[0] == component):
            for statement in ON_ANOTHER_SCHEMA:
                tried += 1
                try:
                    await connection.execute(statement.format(other))
                    allowed.append((component, statement.format(other)))
                except asyncpg.InsufficientPrivilegeError:
                    pass
        await connection.close()

    assert tried == len(PAIRS) * len(ON_ANOTHER_SCHEMA) == 420
    assert allowed == []


OF_THE_SERVER = (
    "create table {0}.mine (id int)",
    "create table public.mine (id int)",
    "create temp table mine (id int)",
    "create schema mine",
    "create database mine",
    "create role mine",
    "create extension hstore",
    "create function extensions.f() returns int language sql as 'select 1'",
    "alter table things add column more text",
    "truncate things",
    "drop table things",
    "set role {0}_owner",
    "set role postgres",
    "set session authorization postgres",
    "select rolpassword from pg_authid",
    "select pg_read_file('postgresql.conf')",
    "copy things from program 'true'",
    "copy things to '/tmp/things'",
    "alter system set fsync = off",
    "alter role {0}_owner password 'known'",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
)


@pytest.mark.feature("O3")
@pytest.mark.parametrize("kind", ["app", "relay"])
async def test_at_run_time_a_role_changes_no_schema_and_reaches_nothing_of_the_server(
    role_dsns, database, kind
):
    allowed = []
    bystander = await asyncpg.connect(database.dsn)

    for component in roles.COMPONENTS:
        connection = await asyncpg.connect(role_dsns[f"{component}_{kind}"])
        for statement in OF_THE_SERVER:
            try:
                await connection.execute(statement.format(component))
                allowed.append((component, statement))
            except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError):
                pass
        await connection.close()
    await bystander.close()

    assert allowed == []


@pytest.mark.feature("O3")
async def test_no_role_may_connect_to_another_database(role_dsns):
    for role in role_dsns:
        for other in ("postgres", "template1"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await ask(role_dsns[role].replace("/ganfutong", f"/{other}"), "select 1")


async def test_the_app_role_uses_what_the_owner_makes_and_the_relay_only_what_it_is_given(
    role_dsns,
):
    note = await ask(
        role_dsns["filing_app"], "insert into things (note) values ('two') returning id"
    )
    found = await ask(role_dsns["filing_app"], "select note from filing.things where id = $1", note)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(role_dsns["filing_relay"], "select note from things")
    await ask(role_dsns["filing_owner"], "grant select on things to filing_relay")

    assert found == "two"
    assert await ask(role_dsns["filing_relay"], "select count(*) from things") >= 1


async def test_an_app_session_is_bounded_in_time(role_dsns):
    names = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
    names.append("transaction_timeout")

    shown = [await ask(role_dsns["catalog_app"], f"show {name}") for name in names]

    assert shown == ["5s", "1s", "5s", "15s"]
    assert await ask(role_dsns["catalog_app"], "show search_path") == "catalog, extensions"


@pytest.mark.usefixtures("role_dsns")
async def test_connection_limits_leave_room_below_the_servers_maximum(database):
    total = await ask(database.dsn, "select sum(rolconnlimit) from pg_roles where rolconnlimit > 0")

    assert 0 < total <= 200 - 10


async def test_ensuring_roles_again_keeps_data_and_takes_new_passwords(role_dsns, database):
    secrets = {role: f"{role}-second" for role in role_dsns}
    kept = await ask(role_dsns["catalog_app"], "select count(*) from things")
    firsts = {role: dsn.split("@")[0].rpartition(":")[2] for role, dsn in role_dsns.items()}

    await roles.ensure_roles(database.dsn, passwords=secrets)

    try:
        second = roles.role_dsn(database.dsn, "catalog_app", secrets["catalog_app"])
        assert await ask(second, "select count(*) from things") == kept
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(role_dsns["catalog_app"], "select 1")
    finally:
        await roles.ensure_roles(database.dsn, passwords=firsts)
    assert await ask(role_dsns["catalog_app"], "select count(*) from things") == kept


@pytest.mark.usefixtures("role_dsns")
async def test_the_database_is_utf8_with_a_locale_that_knows_chinese(database):
    row = await ask(
        database.dsn,
        "select (pg_encoding_to_char(encoding), datlocprovider, datlocale, datctype)::text"
        " from pg_database where datname = 'ganfutong'",
    )

    assert row == "(UTF8,b,C.UTF-8,C.UTF-8)"


async def test_on_a_server_of_ones_own_a_role_that_may_create_roles_is_enough(spare):
    server = postgres.start(spare / "postgres")
    secrets = roles.role_passwords(spare / "passwords.json")
    try:
        for login, may in (("admin", "createrole createdb"), ("nobody", "nocreaterole")):
            await ask(server.dsn, f"create role {login} login password 'known' {may}")
        admin = f"postgresql://admin:known@127.0.0.1:{server.port}/postgres"

        results = [
            await roles.ensure_roles(
                login, services=("filing", "catalog"), passwords=secrets, whole_server=False
            )
            for login in (admin.replace("admin", "nobody"), admin, admin)
        ]

        assert results == [False, True, True]
        app = roles.role_dsn(admin, "filing_app", secrets["filing_app"])
        assert await ask(app, "select current_schema()") == "filing"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ask(app, "select 1 from catalog.things")
    finally:
        server.stop()


@pytest.mark.feature("O3")
async def test_no_password_reaches_the_servers_log(spare):
    server = postgres.start(spare / "postgres", settings={"log_statement": "all"})
    secrets = roles.role_passwords(spare / "passwords.json")
    try:
        await roles.ensure_roles(server.dsn, services=("monitoring",), passwords=secrets)
    finally:
        server.stop()

    log = (spare / "postgres.log").read_text(encoding="utf-8")

    assert "alter role monitoring_app" in log
    assert not any(secret in log for secret in secrets.values())
    assert (spare / "postgres.password").read_text(encoding="ascii") not in log
