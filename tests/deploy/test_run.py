"""`make run` as a person meets it: the real launcher in a folder of its own, on free ports."""

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import nats as nats_client
import pytest
from nats.js.api import ConsumerConfig

from deploy.local import nats, officers, page, province
from deploy.local.process import is_alive
from deploy.local.state import free_port
from shared.events.envelope import STREAM
from shared.messaging.permissions import inbox_prefix
from tests.deploy.launcher import END, LISTINGS, ROWS, Run, granted, running, said
from tests.deploy.programs import PROJECT
from tests.suite import eventually


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One launcher with a small demo province, for every test of the page."""
    folder = tmp_path_factory.mktemp("run") / "state"
    with running(folder, free_port(), seconds=100) as started:
        yield started


@pytest.mark.timeout(180)
def test_the_first_start_shows_its_steps_and_a_page_with_all_that_one_needs(run: Run):
    clients = run.read("clients.json")

    shown = run.output

    assert re.findall(r"\[(\d)/3\]", shown)[:3] == ["1", "2", "3"]
    assert f"listings: {LISTINGS}/{LISTINGS}" in shown
    assert run.url in shown
    assert "deploy.local clock +3d" in shown
    assert str(run.folder / "clients.json") in shown
    for name in page.SHOWN:
        assert clients[name]["client_secret"] in shown
    for officer in officers.OFFICERS:
        assert officer.title in shown
    assert "Traceback" not in shown


def test_secrets_are_readable_by_their_owner_alone(run: Run):
    secret = ["clients.json", "officers.json", "console-demo.json", "province-admin.secret"]
    secret += [
        "record-filing.secret",
        "keyring-gateway.json",
        "officers-keys.json",
        "database-passwords.json",
    ]

    modes = {name: (run.folder / name).stat().st_mode & 0o777 for name in secret}

    assert modes == dict.fromkeys(secret, 0o600)
    assert run.folder.stat().st_mode & 0o077 == 0


def test_the_curl_lines_of_the_page_work_as_they_stand(run: Run):
    lines = run.output[run.output.index("TOKEN=") : run.output.index(END)]

    answer = subprocess.run(
        ["/bin/bash", "-euc", lines], capture_output=True, text=True, check=True, timeout=30
    )

    assert "items" in json.loads(answer.stdout)


def test_the_listings_are_public_and_their_entries_reach_the_department_s_system(run: Run):
    total = run.get("/v1/listings", limit="100").json()
    listing = total["items"][0]

    answer = run.get(f"/v1/entry/{listing['id']}/step/1")

    assert total["total"] == LISTINGS
    assert answer.status_code == 200, answer.text
    assert answer.json()["service"] == listing["title"]


def stand_in_for_curl(folder: Path) -> None:
    """The README needs curl; a machine that has none gets what it speaks of it."""
    command = folder / "curl"
    script = Path(__file__).with_name("curl_stand_in.py")
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    command.chmod(0o755)


@pytest.mark.feature("API14")
@pytest.mark.clause("A10.2")
@pytest.mark.clause("A10.3")
@pytest.mark.clause("A11.1")
@pytest.mark.clause("A11.2")
@pytest.mark.clause("A11.3")
@pytest.mark.clause("A11.4")
@pytest.mark.clause("A11.5")
@pytest.mark.clause("A11.6")
@pytest.mark.timeout(180)
def test_the_readme_s_walk_through_works_as_it_stands(run: Run, tmp_path: Path):
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    steps = re.findall(r"<!-- step: ([\w-]+) -->\n```bash\n(.*?)```", text, re.DOTALL)
    script = "set -euo pipefail\n" + "".join(
        f"echo '== {name}' >&2\n{commands}\n" for name, commands in steps
    )

    if shutil.which("curl") is None:
        stand_in_for_curl(tmp_path)

    walked = subprocess.run(
        ["bash", "-c", script],  # noqa: S607 the shell that the README speaks to
        cwd=PROJECT,
        env={
            **os.environ,
            "BASE": run.url,
            "GFT_STATE_DIR": str(run.folder),
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )

    assert walked.returncode == 0, walked.stderr[-2000:] + walked.stdout[-2000:]
    assert [name for name, _ in steps] == re.findall(r"^== ([\w-]+)$", walked.stderr, re.MULTILINE)
    assert "FULFILLED" in walked.stdout
    assert '"intact": true' in walked.stdout


def test_an_officer_s_token_speaks_for_a_person_at_the_gateway(run: Run):
    url = re.search(r"person tokens: (\S+)", run.output)
    assert url is not None
    token = granted(url[1], "officer-province-1", run.read("officers.json")["officer-province-1"])

    answer = httpx.get(
        f"{run.url}/v1/filings", headers={"Authorization": f"Bearer {token}"}, trust_env=False
    )

    assert answer.status_code == 200, answer.text


async def test_the_demo_s_console_reads_the_events_with_its_own_user(run: Run):
    known = run.read("console-demo.json")
    connection = await nats_client.connect(
        known["url"],
        user=known["user"],
        password=known["password"],
        inbox_prefix=known["inbox_prefix"].encode(),
    )

    try:
        pulled = await connection.jetstream().pull_subscribe_bind(
            durable=known["consumer"], stream=known["stream"]
        )
        messages = await pulled.fetch(5, timeout=10)
        for message in messages:
            await message.ack()
        with pytest.raises(nats_client.errors.TimeoutError):
            await connection.jetstream(timeout=0.5).add_consumer(
                known["stream"], ConsumerConfig(durable_name="mine")
            )
    finally:
        await connection.close()

    assert all(json.loads(message.data)["specversion"] == "1.0" for message in messages)


@pytest.mark.feature("E6")
async def test_what_the_stream_has_lost_is_read_from_the_publisher_s_record(run: Run):
    item = "demo-late-001"
    before, read_before = refusals(run, item), records_read(run)

    await lose_while_filing_sleeps(run, lambda: import_item(run, item))

    async def knows() -> bool:
        return "item_unknown" not in refusals(run, item)

    await eventually(knows, within=30)
    assert "item_unknown" in before
    assert records_read(run) > read_before


def refusals(run: Run, item: str) -> str:
    """What filing says of a listing of the labour department for an item."""
    content = ROWS[0].content(host="http://127.0.0.1:1", norm=province.read().norm)
    answer = httpx.post(
        f"{run.url}/v1/filings",
        headers=run.headers("jx-rst"),
        json={"filing_type": "LISTING", "content": {**content, "item_code": item}, "submit": True},
        timeout=30,
        trust_env=False,
    )
    assert 400 <= answer.status_code < 500, answer.text
    return answer.text


def records_read(run: Run) -> int:
    return run.log("filing").read_text(encoding="utf-8").count("record meets the stream")


def import_item(run: Run, item: str) -> None:
    columns, _, _ = province.import_file("items").partition(b"\n")
    row = f"{item},demo,晚到的事项,20,7,jx-rst,1,ON_APPLICATION,示例。,".encode()
    answer = httpx.post(
        f"{run.url}/v1/imports/items",
        headers={**run.headers(province.PROVINCE), "Content-Type": "text/csv; charset=utf-8"},
        content=columns + b"\n" + row,
        timeout=30,
        trust_env=False,
    )
    assert answer.status_code == 202, answer.text


async def lose_while_filing_sleeps(run: Run, act: Callable[[], None]) -> None:
    """Let something be told, and lose the stream and filing's place in it before it wakes."""
    operator = await nats_client.connect(**credentials(run, nats.OPERATOR))
    stream = operator.jetstream()

    async def reached() -> int:
        return (await stream.stream_info(STREAM)).state.last_seq

    before, sleeper = await reached(), process_of(run, "filing")

    async def told() -> bool:
        return await reached() > before

    os.kill(sleeper, signal.SIGSTOP)
    try:
        await asyncio.to_thread(act)
        await eventually(told, within=30)
        await stream.purge_stream(STREAM)
        await stream.delete_consumer(STREAM, "filing")
    finally:
        os.kill(sleeper, signal.SIGCONT)
        await operator.close()


def credentials(run: Run, user: str) -> dict[str, Any]:
    port, _ = run.read("nats/ports.json")
    return {
        "servers": f"nats://127.0.0.1:{port}",
        "user": user,
        "password": run.read("nats/passwords.json")[user],
        "inbox_prefix": inbox_prefix(user).encode(),
    }


def process_of(run: Run, name: str) -> int:
    """The process that writes this log."""
    log = run.log(name).resolve()
    return min(pid for pid in run.pids if Path(f"/proc/{pid}/fd/1").resolve() == log)


def test_the_demo_clock_moves_every_component_and_comes_back(run: Run):
    def issued() -> datetime:
        payload = run.token("mini-app").split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return datetime.fromtimestamp(claims["iat"], UTC)

    moved, _ = said("clock", "+3d", folder=run.folder)
    later = issued() - datetime.now(UTC)
    seen = run.get("/v1/listings").status_code
    back, _ = said("clock", "reset", folder=run.folder)
    now = issued() - datetime.now(UTC)

    assert (moved, back, seen) == (0, 0, 200)
    assert timedelta(days=2, hours=23) < later < timedelta(days=3, hours=1)
    assert abs(now) < timedelta(minutes=1)


def test_a_second_launcher_on_the_same_folder_is_told_who_uses_it(run: Run):
    code, output = said(folder=run.folder, GFT_PORT=str(free_port()))

    assert code == 1
    assert f"another run (process {run.process.pid}) uses the state folder" in output
    assert "Traceback" not in output


def test_reset_is_refused_while_it_runs(run: Run):
    code, output = said("reset", folder=run.folder)

    assert code == 1
    assert "another run" in output
    assert run.get("/v1/listings").status_code == 200


@pytest.mark.timeout(180)
def test_ctrl_c_stops_every_process_and_a_second_start_keeps_the_data_until_reset(run: Run):
    clients = run.read("clients.json")
    first = run.get("/v1/listings", limit="100").json()

    code = run.stop()
    alive = [pid for pid in run.pids if is_alive(pid)]
    with running(run.folder, run.port, seconds=60) as again:
        second = again.get("/v1/listings", limit="100").json()
        kept = again.read("clients.json")
        code_again = again.stop()
    cleared, _ = said("reset", folder=run.folder)

    assert (code, alive) == (0, [])
    assert len(run.pids) >= 7  # gateway, two services, two stand-ins, Postgres, NATS
    assert again.seconds < run.seconds
    assert "demo province" not in again.output.partition("─")[0]
    assert (kept, second, code_again) == (clients, first, 0)
    assert cleared == 0
    assert not run.folder.exists()
