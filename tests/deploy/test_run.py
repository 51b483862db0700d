"""`make run` as a person meets it: the real launcher in a folder of its own, on free ports."""

import asyncio
import base64
import contextlib
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import nats as nats_client
import pytest
from nats.js.api import ConsumerConfig

from deploy.local import nats, officers, page, postgres, province, stand_in
from deploy.local.process import is_alive
from deploy.local.state import free_port, open_state
from shared.clock import SettableClock
from shared.events.envelope import STREAM
from shared.messaging.permissions import inbox_prefix
from shared.security.errors import InvalidToken
from shared.security.identity import Role
from shared.security.tokens import Issuer, verify
from shared.settings import Profile
from tests.suite import eventually

PROJECT = Path(__file__).resolve().parents[2]
ROWS = province.read().listings
ROOT = Path(__file__).parents[2]
LISTINGS = 12
END = "Ctrl-C"  # the page's last line


def command(*arguments: str, folder: Path, **environ: str) -> subprocess.Popen[str]:
    """`python -m deploy.local` with a state folder of its own, its errors among its output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GFT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.local", *arguments],
        cwd=PROJECT,
        env={**inherited, "GFT_STATE_DIR": str(folder), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C of the tests' terminal is not meant for it
    )


def said(*arguments: str, folder: Path, **environ: str) -> tuple[int, str]:
    """Exit code and output of a command that ends by itself."""
    process = command(*arguments, folder=folder, **environ)
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, output


@dataclass
class Run:
    """A running launcher: what it printed until its page stood, and its processes."""

    folder: Path
    port: int
    process: subprocess.Popen[str]
    output: str = ""
    seconds: float = 0.0
    pids: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def read(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def token(self, client_id: str) -> str:
        secret = self.read("clients.json")[client_id]["client_secret"]
        return granted(f"{self.url}/oauth2/token", client_id, secret)

    def headers(self, client_id: str) -> dict[str, str]:
        """Of a write: token and a fresh Idempotency-Key."""
        bearer = f"Bearer {self.token(client_id)}"
        return {"Authorization": bearer, "Idempotency-Key": str(uuid.uuid4())}

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def get(self, path: str, *, as_: str = "mini-app", **params: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token(as_)}"}
        return httpx.get(f"{self.url}{path}", headers=headers, params=params, trust_env=False)

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=40)
        return self.process.returncode


def granted(url: str, name: str, secret: str) -> str:
    """An access token by client credentials."""
    answer = httpx.post(
        url, data={"grant_type": "client_credentials"}, auth=(name, secret), trust_env=False
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


@contextlib.contextmanager
def running(
    folder: Path,
    port: int,
    *,
    seconds: float,
    until: str = END,
    listings: int = LISTINGS,
    own: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Run]:
    """Start and wait for the page; whatever happens, the launcher is gone afterwards."""
    began = time.monotonic()
    asked = {"GFT_PORT": str(port), "GFT_DEMO_LISTINGS": str(listings), **own}
    process = command(folder=folder, **asked)
    run = Run(folder, port, process)
    try:
        run.output = _until(until, process, deadline=began + seconds)
        run.seconds = time.monotonic() - began
        run.pids = descendants(process.pid)
        yield run
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=40)
        process.kill()
        process.communicate()


def _until(text: str, process: subprocess.Popen[str], *, deadline: float) -> str:
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    seen = b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while text.encode() not in seen:
            assert selector.select(deadline - time.monotonic()), seen.decode(errors="replace")
            chunk = os.read(descriptor, 65536)
            seen += chunk
            assert chunk, seen.decode(errors="replace")
    return seen.decode(errors="replace")


def descendants(pid: int) -> list[int]:
    """Every process below `pid`."""
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            below.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        children = below.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One launcher with a small demo province, for every test of the page."""
    folder = tmp_path_factory.mktemp("run") / "state"
    with running(folder, free_port(), seconds=100) as started:
        yield started


# --- the page ---


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
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    steps = re.findall(r"<!-- step: ([\w-]+) -->\n```bash\n(.*?)```", text, re.DOTALL)
    script = "set -euo pipefail\n" + "".join(
        f"echo '== {name}' >&2\n{commands}\n" for name, commands in steps
    )

    if shutil.which("curl") is None:
        stand_in_for_curl(tmp_path)

    walked = subprocess.run(
        ["bash", "-c", script],  # noqa: S607 the shell that the README speaks to
        cwd=ROOT,
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


# --- what stands in the way is one line ---


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


def test_a_taken_port_is_one_line_in_each_language(tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        code, output = said(folder=tmp_path / "state", GFT_PORT=str(port))

    assert code == 1
    assert output.splitlines() == [
        f"端口 {port} 已被占用，请先停止占用它的程序或换一个端口",
        f"port {port} is taken: stop what uses it or choose another port",
    ]


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        (["clock", "yesterday"], {}, "not a step of the clock: yesterday"),
        (["clock", "+9999w"], {}, "not a step of the clock: +9999w"),
        ([], {"GFT_PORT": "http"}, "GFT_PORT is a port from 1 to 65535: http"),
        ([], {"GFT_DEMO_LISTINGS": "0"}, "GFT_DEMO_LISTINGS is a number from 1 to"),
        (["migration", "billing", "add_queue"], {}, "no such component: billing"),
    ],
)
def test_a_wrong_word_is_named(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], words: str
):
    code, output = said(*arguments, folder=tmp_path / "state", **environ)

    assert code == 1
    assert words in output.splitlines()[-1]
    assert "Traceback" not in output


def test_an_unknown_command_shows_what_there_is(tmp_path: Path):
    code, output = said("restart", folder=tmp_path / "state")

    assert code == 2
    assert "python -m deploy.local reset" in output


# --- stopping, starting again, clearing ---


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


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_load_that_was_killed_goes_on_and_does_nothing_twice(tmp_path: Path):
    folder, port = tmp_path / "state", free_port()

    with running(folder, port, seconds=100, until="yearly lists: ") as killed:
        killed.process.kill()
        killed.process.wait()
    with running(folder, port, seconds=100) as again:
        total = again.get("/v1/listings").json()["total"]
        filings = again.get("/v1/filings", as_="jx-zwfw").json()["total"]
        plans = again.get("/v1/filings", as_="jx-zwfw", type="LISTING_PLAN").json()["total"]

    assert total == LISTINGS
    assert filings - plans == LISTINGS
    assert plans == len({row.organisation for row in province.choose(ROWS, LISTINGS)})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_whole_province_is_loaded(tmp_path: Path):
    with running(tmp_path / "state", free_port(), seconds=240, listings=len(ROWS)) as whole:
        coverage = whole.get("/v1/coverage", as_="jx-zwfw", limit="100").json()["items"]
        total = whole.get("/v1/listings").json()["total"]

    assert total == len(ROWS)
    assert all(row["planned"] == row["listed"] for row in coverage)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_servers_of_one_s_own_are_used_kept_running_and_cleared_by_reset(tmp_path: Path):
    with tempfile.TemporaryDirectory(prefix="gft-own-") as scratch:
        Path(scratch).chmod(0o755)  # Postgres runs as another user when we are root
        database = postgres.start(Path(scratch) / "postgres")
        broker = nats.start(Path(scratch) / "nats")
        own = {"GFT_DATABASE_URL": database.dsn, "GFT_NATS_URL": broker.users["operator"].url}
        try:
            with running(tmp_path / "state", free_port(), seconds=100, own=own) as started:
                total = started.get("/v1/listings").json()["total"]
                code = started.stop()
            other, refusal = said(folder=tmp_path / "other", GFT_PORT=str(free_port()), **own)
            cleared, _ = said("reset", folder=tmp_path / "state", **own)
            again, _ = said("reset", folder=tmp_path / "other", **own)
            alive = [is_alive(database.pid), is_alive(broker.pid)]
        finally:
            broker.stop()
            database.stop()

    assert (total, code, alive) == (LISTINGS, 0, [True, True])
    assert other == 1
    assert "the database holds data of another state folder" in refusal
    assert (cleared, again) == (0, 0)


# --- the parts ---


def test_a_smaller_province_still_has_departments_cities_and_counties():
    known = province.read()

    chosen = province.choose(known.listings, LISTINGS)

    roles = {known.organisations[each.organisation].role for each in chosen}
    assert roles == {Role.DEPARTMENT, Role.CITY, Role.COUNTY}
    assert len({each.key for each in chosen}) == LISTINGS
    assert province.choose(known.listings, len(known.listings)) == list(known.listings)


def test_cities_and_counties_need_the_item_s_department_and_departments_nobody():
    known = province.read()

    confirmers = {each.key: known.confirmer(each) for each in known.listings}

    assert confirmers["demo-rst-001.jx-rst"] is None
    local = [each for each in known.listings if each.region != "36"]
    assert all(confirmers[each.key] == each.department for each in local)


async def test_the_stand_in_knows_a_service_by_the_path_above_and_no_other():
    transport = httpx.ASGITransport(stand_in.build({"/rst/pension": "养老保险"}))

    async with httpx.AsyncClient(transport=transport, base_url="http://stand-in.test") as client:
        below = await client.post("/rst/pension/apply/2")
        html = await client.get("/rst/pension", headers={"Accept": "text/html"})
        unknown = await client.get("/rst")

    assert below.json()["service"] == "养老保险"
    assert "<h1>养老保险</h1>" in html.text
    assert unknown.status_code == 404


async def test_the_officers_issuer_gives_person_tokens_for_the_right_secret_only(tmp_path: Path):
    state, clock = open_state(tmp_path / "state", minimum_space=0), SettableClock()
    keys, known = officers.signing_keys(state), officers.officer_secrets(state)
    name = "https://officers.test"
    app = officers.build(issuer=name, keys=keys, known=known, clock=clock, profile=Profile.DEMO)
    trusted = Issuer(name, keys.public(), issues_persons=True)
    form = {"grant_type": "client_credentials"}

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=name) as client:
        good = await client.post(
            "/token", data=form, auth=("officer-rst-1", known["officer-rst-1"])
        )
        wrong = await client.post("/token", data=form, auth=("officer-rst-1", "x"))
        nobody = await client.post("/token", data=form, auth=("officer-rst-9", ""))
        naked = await client.post("/token", data=form)
        implicit = await client.post("/token", data={"grant_type": "implicit"})
        configuration = (await client.get("/.well-known/openid-configuration")).json()

    token = good.json()["access_token"]
    actor = verify(token, issuers={name: trusted}, now=clock.now()).actor
    assert (actor.subject, actor.organisation, actor.role) == (
        "officer-rst-1",
        "jx-rst",
        Role.DEPARTMENT,
    )
    assert actor.person
    assert [each.status_code for each in (wrong, nobody, naked, implicit)] == [401, 401, 401, 400]
    assert configuration["jwks_uri"] == f"{name}/jwks"
    clock.advance(timedelta(minutes=11))
    with pytest.raises(InvalidToken):
        verify(token, issuers={name: trusted}, now=clock.now())


def test_the_officers_issuer_refuses_production(tmp_path: Path):
    state = open_state(tmp_path / "state", minimum_space=0)

    with pytest.raises(ValueError, match="no persons"):
        officers.build(
            issuer="https://officers.test",
            keys=officers.signing_keys(state),
            known={},
            clock=SettableClock(),
            profile=Profile.PRODUCTION,
        )
