"""A world of one's own: Postgres, NATS, and every process of the platform, killable by name."""

import asyncio
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from deploy.local import nats, postgres, roles
from deploy.local.process import end, wait_until
from deploy.local.state import PROJECT_ROOT, port_is_free, write_private
from shared.migrations.run import upgrade
from shared.security.encryption import Keyring
from tests.chaos import faults, reader

COMPONENTS: Final = ("catalog", "filing", "gateway")
REPLICAS: Final = {
    "gateway": ("gateway-1", "gateway-2"),
    "catalog": ("catalog-1",),
    "filing": ("filing-1", "filing-2"),
    reader.SCHEMA: ("reader-1", "reader-2"),
}
SERVERS: Final = ("postgres", "nats")
FIRST_CLIENT: Final = "province-admin"
CLIENTS: Final = "clients"


class ZygoteGone(RuntimeError):
    """The process that starts the others has ended."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A process that ended without being killed: its exit code, if known, and its last lines."""

    name: str
    code: int | None
    last_lines: str


@dataclass
class World:
    """What runs, on which ports, with which faults built in."""

    folder: Path
    faults: Sequence[str]
    ports: dict[str, int] = field(default_factory=dict)
    ended_by_themselves: list[Ending] = field(default_factory=list)
    clients_ended: bool = True

    # --- from nothing to ready --------------------------------------------------------------------

    def open(self) -> None:
        """Start everything; call from the main thread, to which all of it is tied."""
        self._start_zygote()
        names = (*SERVERS, "nats-monitor", *COMPONENTS)
        self.ports = dict(zip(names, _stable_ports(len(names)), strict=True))
        data = Path(tempfile.mkdtemp(prefix="gft-chaos-", dir=self.folder))
        data.chmod(0o755)  # Postgres runs as another user when we are root
        self._data = data / "postgres"
        self.start("postgres")
        self.start("nats")
        passwords = roles.role_passwords(self.folder / "passwords.json")
        asyncio.run(roles.ensure_roles(self.postgres.dsn, passwords=passwords))
        self._dsns = {
            role: roles.role_dsn(self.postgres.dsn, role, secret)
            for role, secret in passwords.items()
        }
        asyncio.run(self._migrate())
        write_private(self.folder / "first-client.secret", secrets.token_urlsafe(32))
        for component in COMPONENTS:
            keyring = json.dumps(Keyring.generate().document())
            write_private(self.folder / f"keyring-{component}.json", keyring)
        if self._hear() != "ready":
            raise ZygoteGone
        for name in self.targets:
            if name not in SERVERS:
                self.start(name)

    async def _migrate(self) -> None:
        for component in COMPONENTS:
            await upgrade(component, self._dsns[f"{component}_owner"])
        await reader.make_tables(self._dsns[f"{reader.SCHEMA}_owner"])
        await faults.build_in(self.superuser_dsn, self.faults)

    def close(self) -> None:
        """End everything by its own number; the files stay with whoever made the folder."""
        if hasattr(self, "_zygote"):
            self._answers.close()
            self._channel.close()  # it ends what it started, then itself
            with suppress(subprocess.TimeoutExpired):
                self._zygote.wait(5)
            end(self._zygote)
        if hasattr(self, "nats"):
            self.nats.stop()
        if hasattr(self, "postgres"):
            self.postgres.stop()

    # --- parts by name ----------------------------------------------------------------------------

    @property
    def targets(self) -> list[str]:
        """Everything that may be killed."""
        names = [name for replicas in REPLICAS.values() for name in replicas]
        return [*names, *(("bridge",) if "no_outbox" in self.faults else ()), *SERVERS]

    def start(self, name: str) -> None:
        """Servers are ready on return, processes begin to start."""
        match name:
            case "postgres":
                self.postgres = postgres.start(self._data, port=self.ports[name])
            case "nats":
                self.nats = nats.start(
                    self.folder / "nats",
                    port=self.ports[name],
                    monitor_port=self.ports["nats-monitor"],
                )
            case _:
                self._fork(name, *self._role_of(name))

    def kill(self, name: str) -> bool:
        """SIGKILL; False when it had ended by itself before."""
        if name in SERVERS:
            process = self.postgres.process if name == "postgres" else self.nats.process
            ended = process.poll() is not None
            process.kill()
            process.wait()
        else:
            ended = not self._ask(do="kill", name=name)
        if ended:
            self._keep_ending(name, None)
        return not ended

    def start_clients(self, config: Mapping[str, Any]) -> None:
        self.clients_ended = False
        self._fork(CLIENTS, "clients", config)

    def stop_clients(self) -> None:
        """Let them begin nothing more; `revive` learns when what was begun is over."""
        self._ask(do="stop", name=CLIENTS)

    def revive(self) -> list[str]:
        """Start again what ended by itself, as a supervisor does; its names."""
        codes: dict[str, int] = self._ask(do="codes")
        if CLIENTS in codes:
            code = codes.pop(CLIENTS)
            if code:
                raise RuntimeError(f"the clients ended with {code}:\n{self.tail(CLIENTS)}")
            self.clients_ended = True
        for name, code in codes.items():
            self._keep_ending(name, code)
            self.start(name)
        return list(codes)

    def _keep_ending(self, name: str, code: int | None) -> None:
        """Its log goes with the folder, and its next life writes into the same."""
        self.ended_by_themselves.append(Ending(name, code, self.tail(name)))

    def _fork(self, name: str, role: str, config: Mapping[str, Any]) -> None:
        self._ask(do="start", name=name, role=role, config=config, log=str(self.log(name)))

    def _role_of(self, name: str) -> tuple[str, dict[str, Any]]:
        component = name.partition("-")[0]
        match component:
            case "reader":
                return "reader", {"settings": self.settings_of(reader.SCHEMA)}
            case "bridge":
                return "bridge", {"settings": self.settings_of("filing")}
        config: dict[str, Any] = {
            "component": component,
            "port": self.ports[component],
            "settings": self.settings_of(component),
        }
        if component == "filing":
            config["dies_before_answering"] = str(self.armed)
        return "component", config

    # --- where things are -------------------------------------------------------------------------

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @property
    def superuser_dsn(self) -> str:
        return self.postgres.dsn.rpartition("/")[0] + f"/{roles.DATABASE}"

    @property
    def first_secret(self) -> str:
        return (self.folder / "first-client.secret").read_text(encoding="utf-8")

    @property
    def armed(self) -> Path:
        """While this file exists, a replica of filing dies between a commit and its answer."""
        return self.folder / "die-before-answering"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.jsonl"

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def tail(self, name: str, lines: int = 20) -> str:
        file = self.log(name)
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def settings_of(self, component: str) -> dict[str, Any]:
        """The settings of one component, as `GFT_…` variables would give them."""
        user = self.nats.users[component]
        settings: dict[str, Any] = {
            "profile": "test",
            "database_url": self._dsns[f"{component}_app"],
            "relay_database_url": self._dsns[f"{component}_relay"],
            "nats_url": user.url,
            "nats_inbox_prefix": user.inbox_prefix,
            "nats_monitor_url": self.nats.monitor_url,
            "token_issuer": self.gateway,
            "log_level": "WARNING",
            "faults": [each for each in self.faults if each in faults.FLAGS],
        }
        if component in COMPONENTS:
            settings["keyring_file"] = str(self.folder / f"keyring-{component}.json")
            settings["jwks_url"] = f"{self.gateway}/oauth2/jwks"
        if component == "gateway":
            settings |= {
                "upstreams": {
                    name: f"http://127.0.0.1:{self.ports[name]}"
                    for name in COMPONENTS
                    if name != "gateway"
                },
                "bootstrap_client": FIRST_CLIENT,
                "bootstrap_secret_file": str(self.folder / "first-client.secret"),
            }
        return settings

    # --- the zygote -------------------------------------------------------------------------------

    def _start_zygote(self) -> None:
        ours, theirs = socket.socketpair()
        descriptor = str(theirs.fileno())
        with theirs, self.log("zygote").open("ab") as log:
            self._zygote = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.zygote", descriptor, str(os.getpid())],
                cwd=PROJECT_ROOT,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is the harness's to answer
            )
        self._channel = ours
        self._answers = ours.makefile("r", encoding="utf-8")

    def _ask(self, **command: Any) -> Any:
        self._channel.sendall(json.dumps(command).encode() + b"\n")
        return self._hear()

    def _hear(self) -> Any:
        line = self._answers.readline()
        if not line:
            raise ZygoteGone(self.tail("zygote"))
        return json.loads(line)


@contextmanager
def opened(folder: Path, *, faults: Sequence[str] = ()) -> Iterator[World]:
    """A running world, ended at the end whatever happened."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    world = World(folder, tuple(faults))
    try:
        world.open()
        yield world
    finally:
        world.close()
        for data in folder.glob("gft-chaos-*"):
            shutil.rmtree(data, ignore_errors=True)


def wait_for(condition: Any, *, seconds: float, what: str) -> None:
    if not wait_until(condition, seconds=seconds, pause=0.1):
        raise TimeoutError(f"{what}: not within {seconds:.0f} s")


def _stable_ports(count: int) -> list[int]:
    """Ports outside the range from which outgoing connections take theirs.

    Inside of it, somebody's connection could hold the port of a process that is down for a moment.
    """
    limits = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()
    chance = Random(time.monotonic_ns())
    found: list[int] = []
    while len(found) < count:
        port = chance.randrange(10_240, int(limits[0]))
        if port not in found and port_is_free(port):
            found.append(port)
    return found
