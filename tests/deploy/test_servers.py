"""The local servers: started as root and as a plain user, killed, restarted, and walled off."""

import asyncio
import errno
import itertools
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import asyncpg
import nats as nats_client
import pytest
from nats.errors import TimeoutError as NoAnswerError
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, NotFoundError

from deploy.local import nats, postgres, roles, servers, state
from deploy.local.process import is_alive, wait_until
from deploy.local.state import LaunchError
from shared.events.envelope import STREAM

PROJECT = Path(__file__).resolve().parents[2]
EVENTS = StreamConfig(
    name=STREAM,
    subjects=["events.>"],
    retention=RetentionPolicy.LIMITS,
    storage=StorageType.FILE,
    discard=DiscardPolicy.NEW,
    duplicate_window=120,
    num_replicas=1,
    allow_atomic=True,
)


# --- helpers of this file ---


async def ask(dsn: str, query: str, *arguments: object) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query, *arguments)
    finally:
        await connection.close()


def python(program: str, *arguments: object) -> subprocess.Popen[str]:
    """A program of its own in the project, its output as text."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal's Ctrl-C goes to a whole group: see the supervisor
    )


def finished(process: subprocess.Popen[str], *, seconds: float = 30) -> tuple[int, str, str]:
    """Its exit code, output and errors; it is ended when the time is over."""
    try:
        output, errors = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return process.returncode, output, errors


def user_id(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


class Client:
    """A NATS connection that remembers what the server refused."""

    def __init__(self, credentials: nats.Credentials) -> None:
        self.credentials = credentials
        self.refused: list[str] = []

    async def __aenter__(self) -> Self:
        async def note(error: Exception) -> None:
            self.refused.append(str(error))

        self.connection = await nats_client.connect(
            self.credentials.url,
            inbox_prefix=self.credentials.inbox_prefix.encode(),
            error_cb=note,
            max_reconnect_attempts=2,
            reconnect_time_wait=0.1,
        )
        self.stream = self.connection.jetstream(timeout=1)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()


class Wire:
    """The bare protocol: a refusal stands before the PONG, so the answer for a subject is sure."""

    def __init__(self, credentials: nats.Credentials) -> None:
        self.credentials = credentials

    async def __aenter__(self) -> Self:
        address = urlsplit(self.credentials.url)
        self.reader, self.writer = await asyncio.open_connection(address.hostname, address.port)
        login: dict[str, object] = {"verbose": False, "pedantic": False}
        login |= {"user": self.credentials.user, "pass": self.credentials.password}
        assert await self._refused(f"CONNECT {json.dumps(login)}\r\n") == []
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    async def may_publish(self, subject: str) -> bool:
        refused = await self._refused(f"PUB {subject} 2\r\n{{}}\r\n")
        assert refused in ([], [f"-ERR 'Permissions Violation for Publish to \"{subject}\"'"])
        return not refused

    async def may_subscribe(self, subject: str) -> bool:
        refused = await self._refused(f"SUB {subject} 1\r\nUNSUB 1\r\n")
        assert refused in ([], [f"-ERR 'Permissions Violation for Subscription to \"{subject}\"'"])
        return not refused

    async def _refused(self, commands: str) -> list[str]:
        self.writer.write(f"{commands}PING\r\n".encode())
        lines: list[str] = []
        while not lines or lines[-1] != "PONG":
            lines.append((await self.reader.readline()).decode().strip())
            assert lines[-1], "the server closed the connection"
        return [line for line in lines if line.startswith("-ERR")]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    running = postgres.start(tmp_path_factory.mktemp("database") / "postgres")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def spare(tmp_path_factory):
    """The folder of a second cluster, stopped, for tests that start and kill it."""
    folder: Path = tmp_path_factory.mktemp("spare")
    postgres.start(folder / "postgres").stop()
    return folder


@pytest.fixture(scope="module")
async def role_dsns(database, tmp_path_factory):
    """Every role's DSN; each schema has a table `things` with one row."""
    secrets = roles.role_passwords(tmp_path_factory.mktemp("secrets") / "passwords.json")
    assert await roles.ensure_roles(database.dsn, passwords=secrets)
    dsns = {role: roles.role_dsn(database.dsn, role, word) for role, word in secrets.items()}
    for component in roles.COMPONENTS:
        owner = await asyncpg.connect(dsns[f"{component}_owner"])
        await owner.execute(
            "create table things (id bigint generated by default as identity, note text);"
            "insert into things (note) values ('one')"
        )
        await owner.close()
    return dsns


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    running = nats.start(tmp_path_factory.mktemp("broker") / "nats")
    yield running
    running.stop()


@pytest.fixture(scope="module")
async def stream(broker):
    async with Client(broker.users["gateway"]) as gateway:
        await gateway.stream.add_stream(EVENTS)


@pytest.fixture
def open_folder():
    """A folder outside pytest's private one, which an unprivileged user may own."""
    folder = Path(tempfile.mkdtemp(prefix="gft-test-"))
    yield folder
    shutil.rmtree(folder)


# --- Postgres: start, kill, restart ---


def test_postgres_never_runs_as_root_even_in_a_folder_that_its_user_cannot_enter(database):
    folder = Path(f"/proc/{database.pid}/cwd").resolve()

    expected = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()

    assert user_id(database.pid) == expected
    assert any(not parent.stat().st_mode & 0o001 for parent in folder.parents)


async def test_the_cluster_has_checksums_utf8_and_durable_commits(database):
    query = "select string_agg(setting, ' ' order by name) from pg_settings where name = any($1)"

    settings = await ask(
        database.dsn,
        query,
        ["data_checksums", "fsync", "server_encoding", "synchronous_commit", "max_connections"],
    )

    assert settings == "on on 200 UTF8 on"


async def test_trigrams_exist_for_chinese_words(role_dsns):
    trigrams = await ask(role_dsns["catalog_app"], "select show_trgm('社保')")
    alike = await ask(role_dsns["catalog_app"], "select similarity('社保查询', '社保卡')")

    assert len(trigrams) == 3
    assert alike > 0.2


async def test_a_wrong_password_and_no_password_are_refused(database):
    for login in (f"{postgres.SUPERUSER}:wrong", f"{postgres.SUPERUSER}:"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(
                f"postgresql://{login}@127.0.0.1:{database.port}/postgres",
                "select 1",
            )


async def test_a_killed_postgres_restarts_fast_with_what_was_committed(spare):
    first = postgres.start(spare / "postgres")
    await ask(first.dsn, "create table kept as select 42 as answer")
    os.kill(first.pid, signal.SIGKILL)
    first.process.wait()
    began = time.monotonic()

    second = postgres.start(spare / "postgres")

    try:
        assert time.monotonic() - began < 10
        assert (spare / "postgres" / "postmaster.pid").exists()
        assert await ask(second.dsn, "select answer from kept") == 42
    finally:
        second.stop()
    assert not (spare / "postgres" / "postmaster.pid").exists()


@pytest.fixture
def stranger():
    """The number of a process of Postgres's own user that is no Postgres."""
    account = postgres.unprivileged_account()
    process = subprocess.Popen(
        ["/bin/sleep", "60"], user=None if account is None else account.pw_uid, cwd="/"
    )
    yield process.pid
    process.kill()
    process.wait()


async def test_a_pid_file_that_names_another_program_does_not_stop_the_start(spare, stranger):
    file = spare / "postgres" / "postmaster.pid"
    file.write_text(f"{stranger}\n{spare}\n", encoding="ascii")

    again = postgres.start(spare / "postgres")

    try:
        assert await ask(again.dsn, "select 1") == 1
        assert is_alive(stranger)
    finally:
        again.stop()


LAUNCHER = """
    import sys, time
    from pathlib import Path
    from deploy.local import nats, postgres
    folder = Path(sys.argv[1])
    database, broker = postgres.start(folder / "postgres"), nats.start(folder / "nats")
    print(database.pid, broker.pid, flush=True)
    time.sleep(60)
"""


async def test_servers_end_with_a_killed_launcher_and_the_next_start_takes_over(spare):
    launcher = python(LAUNCHER, spare)
    assert launcher.stdout is not None
    pids = [int(word) for word in launcher.stdout.readline().split()]
    launcher.kill()
    finished(launcher)

    again = postgres.start(spare / "postgres")

    try:
        assert await ask(again.dsn, "select 1") == 1
        assert wait_until(lambda: not any(map(is_alive, pids)), seconds=10)
    finally:
        again.stop()


PLAIN_USER = """
    import json, os, pwd, sys
    from pathlib import Path
    from deploy.local import nats, postgres, state
    import encodings.idna  # the interpreter may stand where the plain user cannot read
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        os.setgroups([]); os.setgid(account.pw_gid); os.setuid(account.pw_uid)
    folder = state.open_state(Path(sys.argv[1])).root
    database, broker = postgres.start(folder / "postgres"), nats.start(folder / "nats")
    owners = [Path(f"/proc/{server.pid}").stat().st_uid for server in (database, broker)]
    database.stop(); broker.stop()
    try:
        state.open_state(Path(sys.argv[2]))
        refusal = ""
    except state.LaunchError as error:
        refusal = str(error)
    print(json.dumps([os.getuid(), owners, refusal]))
"""


def test_a_plain_user_runs_both_servers_itself(open_folder):
    closed = Path(tempfile.mkdtemp(dir=open_folder, prefix="closed-"))
    mine = Path(tempfile.mkdtemp(dir=open_folder, prefix="mine-"))
    open_folder.chmod(0o755)
    closed.chmod(0o500)
    if os.geteuid() == 0:
        shutil.chown(mine, "nobody")

    code, output, errors = finished(python(PLAIN_USER, mine, closed / "state"))

    assert code == 0, errors
    uid, owners, refusal = json.loads(output)
    assert uid != 0
    assert owners == [uid, uid]
    assert "没有写入权限" in refusal
    assert "no permission to write" in refusal
    assert "\n" not in refusal


def test_binaries_in_a_closed_folder_are_copied_to_where_the_server_may_run_them(open_folder):
    open_folder.chmod(0o755)
    closed = open_folder / "closed"
    shutil.copytree(postgres.installed_binaries(), closed / "pginstall", symlinks=True)
    closed.chmod(0o700)
    account = postgres.unprivileged_account()

    found = postgres.reachable_binaries(closed / "pginstall", account=account, copies=open_folder)
    (found / "share" / "postgresql.conf.sample").write_text("damaged", encoding="utf-8")
    again = postgres.reachable_binaries(closed / "pginstall", account=account, copies=open_folder)

    ran = subprocess.run(
        [found / "bin" / "postgres", "--version"],
        user=None if account is None else account.pw_uid,
        cwd="/",
        capture_output=True,
        check=True,
    )
    assert b"PostgreSQL" in ran.stdout
    assert again == found
    assert (found == closed / "pginstall") == (account is None)  # a plain user needs no copy
    if account is not None:
        assert (found / "share" / "postgresql.conf.sample").stat().st_size > 1000


# --- one clear line when the start cannot work ---


def one_line(error: pytest.ExceptionInfo[LaunchError]) -> bool:
    text = str(error.value)
    return error.value.message_zh in text and error.value.message_en in text and "\n" not in text


@pytest.mark.parametrize("server", [postgres, nats], ids=["postgres", "nats"])
def test_a_taken_port_is_one_clear_line(server, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(
            LaunchError, match=f"端口 {port} 已被占用.*port {port} is taken"
        ) as error:
            server.start(tmp_path / "server", port=port)

    assert one_line(error)


@pytest.mark.parametrize("server", [postgres, nats], ids=["postgres", "nats"])
def test_a_folder_that_cannot_be_made_is_one_clear_line(server, tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(LaunchError, match="无法使用") as error:
        server.start(tmp_path / "file" / "server")

    assert one_line(error)


def test_a_damaged_data_folder_names_the_reason_and_the_log(spare):
    version = spare / "postgres" / "PG_VERSION"
    right = version.read_text(encoding="ascii")
    version.write_text("9\n", encoding="ascii")

    try:
        with pytest.raises(LaunchError, match=r"did not start: .*incompatible") as error:
            postgres.start(spare / "postgres")
    finally:
        version.write_text(right, encoding="ascii")

    assert one_line(error)
    assert str(spare / "postgres.log") in error.value.message_en


def test_too_little_space_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(LaunchError, match="磁盘空间不足") as error:
        state.open_state(tmp_path / "state", minimum_space=1 << 60)

    assert one_line(error)
    assert "MB needed" in error.value.message_en


def test_a_disk_that_fills_up_is_named_as_that(tmp_path):
    with (
        pytest.raises(LaunchError, match="磁盘空间已满") as error,
        state.readable_errors(tmp_path),
        Path("/dev/full").open("w", encoding="ascii", buffering=1) as full,
    ):
        full.write("more\n")

    assert one_line(error)
    assert isinstance(error.value.__cause__, OSError)
    assert error.value.__cause__.errno == errno.ENOSPC


# --- the state folder ---


def test_the_state_folder_is_in_the_project_unless_the_environment_names_another(tmp_path):
    here = state.open_state(environ={"GFT_STATE_DIR": str(tmp_path / "elsewhere")})

    assert here.root == tmp_path / "elsewhere"
    assert state.PROJECT_ROOT == PROJECT
    assert stat.S_IMODE(here.root.stat().st_mode) == 0o700


@pytest.mark.feature("O3")
def test_passwords_stay_the_same_and_only_their_owner_can_read_them(tmp_path):
    file = tmp_path / "passwords.json"

    first = state.passwords(file, ["a", "b"])
    second = state.passwords(file, ["b", "c"])

    assert second["b"] == first["b"]
    assert len({*first.values(), *second.values()}) == 3
    assert min(map(len, second.values())) >= 43
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_port_is_remembered_while_it_is_free(tmp_path):
    here = state.open_state(tmp_path / "state")

    first = state.remembered_port(here, "gateway")
    second = state.remembered_port(here, "gateway")
    with socket.create_server(("127.0.0.1", first)):
        third = state.remembered_port(here, "gateway")

    assert first == second != third


def test_a_folder_with_other_files_is_never_taken_nor_reset(tmp_path):
    (tmp_path / "thesis.odt").touch()

    with pytest.raises(LaunchError, match="其他文件"):
        state.open_state(tmp_path)

    assert (tmp_path / "thesis.odt").exists()


def test_reset_removes_the_folder_but_not_under_a_running_suite(tmp_path):
    here = state.open_state(tmp_path / "state")

    with state.hold(here), pytest.raises(LaunchError, match=f"进程 {os.getpid()}"):
        state.reset(here)
    kept = here.root.exists()
    state.reset(here)

    assert kept
    assert not here.root.exists()


# --- database roles ---

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


def test_a_second_start_of_own_servers_keeps_addresses_passwords_and_data(tmp_path):
    here = state.open_state(tmp_path / "state")
    first = servers.start(here, environ={})
    try:
        asyncio.run(ask(first.database_urls["filing_owner"], "create table kept as select 7 as n"))
    finally:
        first.stop()
    began = time.monotonic()

    second = servers.start(here, environ={})

    try:
        assert time.monotonic() - began < 10
        assert second.database_urls == first.database_urls
        assert second.nats_urls == first.nats_urls
        assert len(set(second.database_urls.values())) == 18
        assert set(second.inbox_prefixes) == {*nats.SERVICES, "operator"}
        assert asyncio.run(ask(second.database_urls["filing_app"], "select n from kept")) == 7
    finally:
        second.stop()
    assert [bool(server and is_alive(server.pid)) for server in (second.postgres, second.nats)] == [
        False,
        False,
    ]


async def test_a_given_server_is_used_and_no_own_one_is_started(database, role_dsns, tmp_path):
    here = state.open_state(tmp_path / "state")
    firsts = {role: dsn.split("@")[0].rpartition(":")[2] for role, dsn in role_dsns.items()}
    environ = {"GFT_DATABASE_URL": database.dsn, "GFT_NATS_URL": "nats://broker.example:4222"}

    given = await asyncio.to_thread(servers.start, here, environ=environ)

    try:
        assert given.postgres is None
        assert given.nats is None
        assert set(given.nats_urls.values()) == {"nats://broker.example:4222"}
        assert await ask(given.database_urls["catalog_app"], "select current_user") == "catalog_app"
        assert not here.postgres.exists()
    finally:
        given.stop()
        await roles.ensure_roles(database.dsn, passwords=firsts)


def test_a_given_server_that_does_not_answer_is_one_clear_line(tmp_path):
    here = state.open_state(tmp_path / "state")
    gone = f"postgresql://postgres:x@127.0.0.1:{state.free_port()}/postgres"

    with pytest.raises(LaunchError, match="cannot reach the database") as error:
        servers.start(here, environ={"GFT_DATABASE_URL": gone, "GFT_NATS_URL": "nats://x"})

    assert one_line(error)


# --- NATS ---


def test_the_broker_syncs_before_it_acknowledges_and_keeps_its_secrets(broker):
    config = nats._varz(broker.monitor_port)["jetstream"]["config"]

    modes = {
        stat.S_IMODE((broker.folder / name).stat().st_mode)
        for name in ("nats.conf", "passwords.json")
    }

    assert config["sync_always"] is True
    assert modes == {0o600}


@pytest.mark.feature("O3")
@pytest.mark.usefixtures("stream")
async def test_a_service_publishes_its_own_subjects_and_no_others(broker):
    table = {}

    for name in nats.SERVICES:
        async with Wire(broker.users[name]) as client:
            for other in nats.SERVICES:
                table[name, other] = await client.may_publish(f"events.{other}.noted.v1.36")

    assert table == {
        (name, other): name == other for name in nats.SERVICES for other in nats.SERVICES
    }


def consumer_requests(consumer: str) -> Iterator[str]:
    api = f"$JS.API.CONSUMER.{{}}.{STREAM}.{consumer}"
    yield from (api.format(verb) for verb in ("CREATE", "INFO", "DELETE", "MSG.NEXT"))
    yield f"{api.format('CREATE')}.events.>"
    yield f"$JS.ACK.{STREAM}.{consumer}.1.1.1.1.0"


OPERATOR_ONLY = (
    f"$JS.API.STREAM.UPDATE.{STREAM}",
    f"$JS.API.STREAM.DELETE.{STREAM}",
    f"$JS.API.STREAM.PURGE.{STREAM}",
    f"$JS.API.STREAM.MSG.DELETE.{STREAM}",
    f"$JS.API.STREAM.RESTORE.{STREAM}",
    f"$JS.API.STREAM.SNAPSHOT.{STREAM}",
    "$JS.API.STREAM.CREATE.OTHER",
    f"$JS.API.CONSUMER.CREATE.{STREAM}",  # nameless: it honours any name in its body
    f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.other",
    f"$JS.API.CONSUMER.PAUSE.{STREAM}.other",
    f"$JS.API.CONSUMER.RESET.{STREAM}.other",
    "$JS.API.SERVER.REMOVE",
    "$SYS.REQ.SERVER.PING",
    "other.subject",
    "_INBOX_other.x",
)


@pytest.mark.feature("O3")
@pytest.mark.usefixtures("stream")
async def test_a_service_manages_its_own_consumers_and_no_others(broker):
    wrong = []

    for name in nats.SERVICES:
        async with Wire(broker.users[name]) as client:
            wrong += [(name, s) for s in OPERATOR_ONLY if await client.may_publish(s)]
            for other in nats.SERVICES:
                for consumer in (other, f"{other}-ephemeral-0", f"{other}-ephemeral-15"):
                    for subject in consumer_requests(consumer):
                        expected = name == other or (name == "gateway" and ".INFO." in subject)
                        if await client.may_publish(subject) != expected:
                            wrong.append((name, subject))
            for inbox in ("_INBOX.>", f"_INBOX_{name}x.>", "events.>", "$JS.>", ">"):
                if await client.may_subscribe(inbox):
                    wrong.append((name, inbox))
            if not await client.may_subscribe(f"_INBOX_{name}.>"):
                wrong.append((name, "its own inbox"))

    assert wrong == []


@pytest.mark.usefixtures("stream")
async def test_a_service_creates_the_stream_and_again_but_cannot_change_it(broker):
    async with Client(broker.users["filing"]) as filing:
        same = await filing.stream.add_stream(EVENTS)
        with pytest.raises(APIError):
            await filing.stream.add_stream(EVENTS.evolve(max_msgs=1))
        with pytest.raises(NoAnswerError):  # refused, which a client sees as silence
            await filing.stream.update_stream(EVENTS.evolve(max_msgs=1))

        assert same.config.max_msgs == -1
        assert "permissions violation" in filing.refused[-1]


@pytest.mark.usefixtures("stream")
async def test_a_service_publishes_batches_reads_and_acknowledges(broker):
    async with Client(broker.users["complaints"]) as writer:
        headers = {"Nats-Batch-Id": "one"}
        for number in (1, 2):
            await writer.connection.publish(
                "events.complaints.batched.v1.36",
                b"{}",
                headers={**headers, "Nats-Batch-Sequence": str(number)},
            )
        last = {**headers, "Nats-Batch-Sequence": "3", "Nats-Batch-Commit": "1"}
        answer = await writer.connection.request(
            "events.complaints.batched.v1.36", b"{}", headers=last, timeout=2
        )
        first = await writer.stream.get_msg(STREAM, json.loads(answer.data)["seq"] - 2)
    async with Client(broker.users["assessment"]) as reader:
        await reader.stream.add_consumer(
            STREAM,
            ConsumerConfig(
                name="assessment",
                durable_name="assessment",
                ack_policy=AckPolicy.EXPLICIT,
                filter_subject="events.complaints.batched.>",
            ),
        )
        subscription = await reader.stream.pull_subscribe_bind("assessment", STREAM)
        messages = await subscription.fetch(3, timeout=2)
        for message in messages:
            await message.ack_sync(timeout=1)
        left = await reader.stream.consumer_info(STREAM, "assessment")

    assert json.loads(answer.data)["count"] == 3
    assert first.subject == "events.complaints.batched.v1.36"
    assert [message.metadata.sequence.consumer for message in messages] == [1, 2, 3]
    assert (left.num_pending, left.num_ack_pending) == (0, 0)


@pytest.mark.feature("O3")
@pytest.mark.usefixtures("stream")
async def test_an_answer_sent_to_another_services_subject_is_not_stored(broker):
    forged = "events.catalog.forged.v1.36"
    async with (
        Client(broker.users["monitoring"]) as intruder,
        Client(broker.users["operator"]) as operator,
    ):
        await intruder.stream.publish("events.monitoring.planted.v1.36", b"forged event")
        await intruder.stream.add_consumer(
            STREAM,
            ConsumerConfig(
                name="monitoring",
                durable_name="monitoring",
                ack_policy=AckPolicy.EXPLICIT,
                filter_subject="events.monitoring.planted.>",
            ),
        )

        for request in ("STREAM.INFO.EVENTS", "CONSUMER.MSG.NEXT.EVENTS.monitoring"):
            await intruder.connection.publish(f"$JS.API.{request}", b"", reply=forged)
        await intruder.connection.flush()
        taken = await _until_pending(operator, "monitoring", 0)
        subjects = await operator.stream.stream_info(STREAM, subjects_filter="events.>")
        # the same request inside the account of the stream shows that the wall is what holds
        await operator.connection.publish("$JS.API.STREAM.INFO.EVENTS", b"", reply=forged)
        stored_inside = await _until_stored(operator, forged)

    assert taken
    assert subjects.state.subjects is not None
    assert "events.monitoring.planted.v1.36" in subjects.state.subjects
    assert forged not in subjects.state.subjects
    assert stored_inside


async def _until_stored(client: Client, subject: str) -> bool:
    """The server answers a request, and stores what it answers, each in its own time."""
    for _ in range(250):
        info = await client.stream.stream_info(STREAM, subjects_filter=subject)
        if info.state.subjects:
            return True
        await asyncio.sleep(0.02)
    return False


async def _until_pending(client: Client, consumer: str, expected: int) -> bool:
    for _ in range(250):
        info = await client.stream.consumer_info(STREAM, consumer)
        if info.num_pending == expected:
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.feature("O3")
@pytest.mark.usefixtures("stream")
async def test_a_consumer_request_cannot_name_another_in_its_body(broker):
    async with Client(broker.users["catalog"]) as catalog, Client(broker.users["filing"]) as filing:
        await filing.stream.add_consumer(
            STREAM, ConsumerConfig(name="filing", durable_name="filing")
        )
        config = {"name": "filing", "durable_name": "filing", "filter_subject": "events.none.>"}
        body = json.dumps({"stream_name": STREAM, "config": config}).encode()

        answer = await catalog.connection.request(
            "$JS.API.CONSUMER.CREATE.EVENTS.catalog.events.none.>", body, timeout=1
        )

        untouched = await filing.stream.consumer_info(STREAM, "filing")
        assert "error" in json.loads(answer.data)
        assert untouched.config.filter_subject is None


@pytest.mark.feature("CON3")
@pytest.mark.usefixtures("stream")
async def test_a_console_reads_its_own_consumer_and_can_do_nothing_else(broker):
    async with Client(broker.users["gateway"]) as gateway:
        own, other = broker.add_console("nanchang"), broker.add_console("ganzhou")
        for console in (own, other):
            await gateway.stream.add_consumer(
                STREAM,
                ConsumerConfig(
                    name=console.user,
                    durable_name=console.user,
                    ack_policy=AckPolicy.EXPLICIT,
                    filter_subject="events.gateway.read.>",
                ),
            )
        await gateway.stream.publish("events.gateway.read.v1.36", b"{}")

        async with Client(own) as console:
            subscription = await console.stream.pull_subscribe_bind(own.user, STREAM)
            (message,) = await subscription.fetch(1, timeout=2)
            await message.ack_sync(timeout=1)
            info = await console.stream.consumer_info(STREAM, own.user)
            with pytest.raises(NoAnswerError):
                await console.stream.publish("events.gateway.read.v1.36", b"{}", timeout=0.3)
        async with Wire(own) as wire:
            forbidden = [
                *OPERATOR_ONLY,
                *(f"events.{name}.noted.v1.36" for name in nats.SERVICES),
                *(s for name in (other.user, *nats.SERVICES) for s in consumer_requests(name)),
                f"$JS.API.CONSUMER.CREATE.{STREAM}.{own.user}",
                f"$JS.API.CONSUMER.CREATE.{STREAM}.{own.user}.events.>",
                f"$JS.API.CONSUMER.DELETE.{STREAM}.{own.user}",
                f"$JS.API.STREAM.INFO.{STREAM}",
                f"$JS.API.STREAM.CREATE.{STREAM}",
                f"$JS.API.STREAM.MSG.GET.{STREAM}",
                f"$JS.API.DIRECT.GET.{STREAM}",
            ]
            published = [s for s in forbidden if await wire.may_publish(s)]
            inboxes = ("events.>", "_INBOX.>", f"_INBOX_{other.user}.>", "_INBOX_filing.>", ">")
            heard = [s for s in inboxes if await wire.may_subscribe(s)]

        assert message.data == b"{}"
        assert (info.num_pending, info.num_ack_pending) == (0, 0)
        assert published == []
        assert heard == []
        assert (await gateway.stream.consumer_info(STREAM, other.user)).num_pending == 1


@pytest.mark.usefixtures("stream")
async def test_a_console_comes_and_goes_while_other_connections_stay(broker):
    async with Client(broker.users["filing"]) as filing:
        before = filing.connection._client_id

        credentials = broker.add_console("jiujiang")
        again = broker.add_console("jiujiang")
        async with Client(credentials) as console:
            broker.remove_console("jiujiang")
            gone = await _until(lambda: not console.connection.is_connected)
        with pytest.raises(Exception, match=r"(?i)authorization|no servers"):
            async with Client(credentials):
                pass

        assert again == credentials
        assert gone
        assert filing.connection._client_id == before
        assert filing.connection.stats["reconnects"] == 0
        assert "console-jiujiang" not in broker.users


async def _until(condition: Callable[[], bool]) -> bool:
    for _ in range(100):
        if condition():
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.mark.parametrize("name", ["", "Nanchang", "a.b", "a*", "a b", "赣州", "x" * 33, "-a", ">"])
def test_a_console_name_cannot_widen_its_permissions(name):
    with pytest.raises(ValueError, match="not a console's name"):
        nats.console_user(name, "secret")


async def test_a_killed_broker_restarts_with_its_stream_users_and_consoles(tmp_path):
    first = nats.start(tmp_path / "nats")
    async with Client(first.users["filing"]) as filing:
        await filing.stream.add_stream(EVENTS)
        await filing.stream.publish("events.filing.noted.v1.36", b"kept")
    first.add_console("yichun")
    os.kill(first.pid, signal.SIGKILL)
    first.process.wait()

    second = nats.start(tmp_path / "nats", port=first.port, monitor_port=first.monitor_port)

    try:
        assert second.users == first.users
        async with (
            Client(second.users["filing"]) as filing,
            Client(second.users["console-yichun"]) as console,
        ):
            kept = await filing.stream.get_msg(STREAM, 1)
            with pytest.raises(NotFoundError):
                await console.stream.consumer_info(STREAM, "console-yichun")
        assert kept.data == b"kept"
    finally:
        second.stop()


# --- the supervisor ---

SUPERVISED = """
    import os, signal, sys, time
    from pathlib import Path
    from deploy.local.state import LaunchError
    from deploy.local.supervisor import Child, supervise

    folder = Path(sys.argv[1])

    def serve(name, *, deaf=False, fail=None):
        def run():
            def stop(*_):
                print("stopping", name, flush=True)
                sys.exit(0)
            signal.signal(signal.SIGTERM, signal.SIG_IGN if deaf else stop)
            print("起动", name, flush=True)
            (folder / name).write_text(str(os.getpid()))
            if fail is not None:
                time.sleep(0.3)
                fail()
            while True:
                time.sleep(0.05)
        return Child(name, run)

    def report():
        print("all ready", flush=True)

    def crash():
        raise ValueError("broken part")

    def ready(name):
        return (folder / name).exists()

    plans = {
        "plain": [serve("catalog"), serve("filing"), Child("page", report, task=True)],
        "deaf": [serve("catalog"), serve("filing", deaf=True)],
        "exit": [serve("catalog"), serve("filing", fail=lambda: sys.exit(7))],
        "crash": [serve("catalog"), serve("filing", fail=crash)],
        "quits": [serve("catalog"), serve("filing", fail=lambda: os._exit(0))],
        "task": [serve("catalog"), Child("page", lambda: sys.exit(3), task=True)],
        "never": [serve("catalog"), Child("filing", lambda: time.sleep(60))],
    }
    try:
        sys.exit(supervise(plans[sys.argv[2]], ready=ready, patience=2, grace=1))
    except LaunchError as error:
        print(error)
        sys.exit(2)
"""


def supervised(tmp_path: Path, plan: str) -> subprocess.Popen[str]:
    return python(SUPERVISED, tmp_path, plan)


def read_until(process: subprocess.Popen[str], text: str) -> list[str]:
    assert process.stdout is not None
    assert process.stderr is not None
    lines: list[str] = []
    while not lines or text not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    return lines


def child_ids(tmp_path: Path) -> list[int]:
    return [int(file.read_text(encoding="ascii")) for file in tmp_path.iterdir()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_supervisor_starts_all_reports_when_ready_and_stops_in_reverse(tmp_path, number):
    process = supervised(tmp_path, "plain")
    began = read_until(process, "all ready")

    os.killpg(process.pid, number)
    code, rest, errors = finished(process)

    assert (code, errors) == (0, "")
    assert sorted(began[:-1]) == ["catalog    | 起动 catalog\n", "filing     | 起动 filing\n"]
    assert began[-1] == "all ready\n"
    assert rest.splitlines() == [
        "filing     | stopping filing",
        "catalog    | stopping catalog",
    ]
    assert not any(map(is_alive, child_ids(tmp_path)))


def test_a_child_that_does_not_end_is_killed_after_its_time(tmp_path):
    process = supervised(tmp_path, "deaf")
    read_until(process, "起动 filing")
    assert wait_until(lambda: len(child_ids(tmp_path)) == 2, seconds=5)
    began = time.monotonic()

    process.send_signal(signal.SIGINT)
    code, rest, _ = finished(process)

    assert code == 1
    assert 0.9 < time.monotonic() - began < 5
    assert "filing: did not end in time, killed" in rest
    assert not any(map(is_alive, child_ids(tmp_path)))


@pytest.mark.parametrize(
    ("plan", "code", "line"),
    [
        ("exit", 7, "filing: ended with code 7"),
        ("crash", 1, "filing     | ValueError: broken part"),
        ("quits", 1, "filing: ended with code 0"),
        ("task", 3, "page: ended with code 3"),
        ("never", 2, "以下组件在 2 秒内未就绪：filing / not ready within 2 s: filing"),
    ],
)
def test_one_that_ends_or_never_gets_ready_stops_the_others(tmp_path, plan, code, line):
    seen, output, errors = finished(supervised(tmp_path, plan))

    assert (seen, errors) == (code, "")
    assert line in output.splitlines()
    assert "catalog    | stopping catalog" in output.splitlines()
    assert not any(map(is_alive, child_ids(tmp_path)))


def test_children_end_when_the_launcher_is_killed(tmp_path):
    process = supervised(tmp_path, "plain")
    read_until(process, "all ready")

    process.kill()
    finished(process)

    assert wait_until(lambda: not any(map(is_alive, child_ids(tmp_path))), seconds=5)


def test_it_refuses_to_fork_beside_a_thread():
    program = """
        import threading, time
        from deploy.local.supervisor import supervise
        threading.Thread(target=time.sleep, args=(1,)).start()
        supervise([], ready=lambda name: True)
    """

    code, _, errors = finished(python(program))

    assert code == 1
    assert "fork before any thread is started" in errors
