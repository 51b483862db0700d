"""The local Postgres: started as root and as a plain user, killed, and restarted."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import asyncpg
import pytest

from deploy.local import postgres
from deploy.local.process import is_alive, wait_until
from tests.deploy.programs import ask, finished, python


@pytest.fixture
def open_folder():
    """A folder outside pytest's private one, which an unprivileged user may own."""
    folder = Path(tempfile.mkdtemp(prefix="gft-test-"))
    yield folder
    shutil.rmtree(folder)


def user_id(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


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
