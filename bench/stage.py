"""What is measured stands on: one Postgres, one NATS, migrated schemas, and the processes of a run.

Everything lies in a folder of its own below `.local/` and goes with the run; `make run` and its
data are left alone.
"""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any
from uuid import uuid4

import asyncpg

from bench.harness import OTHERS, SERVER, check, on_cores, watched
from bench.peers import Peers, installed
from deploy.local import roles, servers
from deploy.local.place import COMPONENTS, HOST, Place
from deploy.local.postgres import installed_binaries
from deploy.local.process import end, launch, wait_until
from deploy.local.run import make_secrets, settings_of
from deploy.local.servers import Servers
from deploy.local.state import PROJECT_ROOT, State, free_port, hold, open_state, write_private
from shared.migrations.run import upgrade
from shared.security.access import OPERATIONS
from shared.security.identity import Actor
from shared.security.tokens import SigningKeys, issue

PEERS = Path(__file__).parent / "peers"
LISTENERS = (*COMPONENTS, "officers", "stand-in", "stand-in-expired")
PATIENCE = 60.0  # seconds for a process to be ready
ALL_SCOPES = frozenset(row.scope for row in OPERATIONS.values() if row.scope is not None)


@dataclass
class Stage:
    """The servers of a run and the way to start what is measured beside them."""

    state: State
    servers: Servers
    place: Place
    peers: Peers | None
    keys: SigningKeys = field(default_factory=SigningKeys.generate)

    # --- processes

    @contextmanager
    def component(
        self, name: str, settings: Mapping[str, str | None], *, cores: set[int] = SERVER
    ) -> Iterator[int]:
        """The real component in a process of its own, ready; gives its process id.

        Its port is `place.ports[name]`. `settings` replace or, being None, remove `GFT_…` ones.
        The clock is the machine's, as in production: the demo's looks at its file each time.
        """
        environ = settings_of(name, self.place, self.servers, {})
        for key, value in {"CLOCK_FILE": None, **settings}.items():
            environ.pop(f"GFT_{key}", None)
            if value is not None:
                environ[f"GFT_{key}"] = value
        port = self.place.ports[name]
        config = {"component": name, "environ": environ, "port": port}
        with self.child("bench.serve", config, name=name, cores=cores) as process:
            ready = partial(_answers, port, "/readyz")
            wait_until(lambda: process.poll() is not None or ready(), seconds=PATIENCE)
            check(ready(), f"{name} did not become ready: {self.log(name)}")
            yield process.pid

    def service(self, name: str) -> AbstractContextManager[int]:
        """A service without a gateway before it: it takes the tokens that `token` issues."""
        file = self.state.root / "jwks.json"
        write_private(file, json.dumps(self.keys.jwks()))
        return self.component(name, {"JWKS_URL": None, "JWKS_FILE": str(file)})

    def run(self, module: str, config: Mapping[str, Any], *, cores: set[int] = SERVER) -> None:
        """One of bench's own programs, to its end."""
        with self.child(module, config, cores=cores) as process:
            code = process.wait(PATIENCE)
        check(code == 0, f"{module} failed: {self.log(module)}")

    @contextmanager
    def child(
        self,
        module: str,
        config: Mapping[str, Any],
        *,
        name: str | None = None,
        cores: set[int] = SERVER,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """One of bench's own programs; its configuration holds passwords, so it is a file."""
        file = self.state.root / f"{module}-{uuid4().hex[:8]}.json"
        write_private(file, json.dumps(config))
        command: list[str | Path] = [sys.executable, "-m", module, file]
        with self.program(command, name=name or module, cores=cores) as process:
            yield process

    @contextmanager
    def twins(self, page: Path, *, upstream: str = "") -> Iterator[tuple[int, int]]:
        """Port and process of the naive twins; `page` is what they give as ready bytes."""
        port = free_port()
        config = {"port": port, "page": str(page), "upstream": upstream, "dsn": self.dsn}
        with self.child("bench.peers.twins", config) as process:
            await_listener(port)
            yield port, process.pid

    @contextmanager
    def program(
        self, command: Sequence[str | Path], *, name: str, cores: set[int]
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Any program, ended with SIGTERM when the block is left."""
        with on_cores(cores):
            process = launch(
                command,
                log=self.log(name),
                folder=PROJECT_ROOT,
                on_parent_death=signal.SIGTERM,
            )
        try:
            yield process
        finally:
            end(process, signal.SIGTERM)

    def log(self, name: str) -> Path:
        return self.state.root / f"{name}.log"

    # --- callers

    def token(self, actor: Actor) -> str:
        """An access token of the run's own issuer, for the services that `service` started."""
        return issue(
            self.keys,
            issuer=self.place.gateway,
            actor=actor,
            now=datetime.now(UTC),
            jti=uuid4().hex,
            lifetime=timedelta(minutes=10),
        )

    # --- Postgres

    @property
    def dsn(self) -> str:
        """The suite's database as its superuser."""
        assert self.servers.postgres is not None
        return f"{self.servers.postgres.dsn.rpartition('/')[0]}/{roles.DATABASE}"

    @property
    def postgres(self) -> int:
        assert self.servers.postgres is not None
        return self.servers.postgres.pid

    @property
    def broker(self) -> int:
        assert self.servers.nats is not None
        return self.servers.nats.pid

    def sql(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """As the superuser, past row-level security; without arguments several statements."""

        async def fetch() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.dsn)
            try:
                if not arguments and ";" in statement:
                    await connection.execute(statement)
                    return []
                rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
                return rows
            finally:
                await connection.close()

        return asyncio.run(fetch())

    def pgbench(
        self,
        *arguments: str | Path,
        scope: Mapping[str, str] | None = None,
        role: str | None = None,
        cores: set[int] = SERVER,
    ) -> subprocess.CompletedProcess[str]:
        """pgbench of the same release as the server, on the suite's database.

        As a service's `role` and within a `scope` it meets the row-level security that the service
        meets.
        """
        binary = installed_binaries() / "bin" / "pgbench"
        dsn = self.servers.database_urls[role] if role is not None else self.dsn
        options = " ".join(f"-c app.{name}={value}" for name, value in (scope or {}).items())
        with on_cores(cores):
            return subprocess.run(
                [binary, "--no-vacuum", *arguments, dsn],
                env={**os.environ, "PGOPTIONS": options},
                capture_output=True,
                text=True,
                check=True,
                cwd=self.state.root,
            )


@contextmanager
def stage() -> Iterator[Stage]:
    """Start the servers, migrate, and clear everything away at the end; from the main thread."""
    own = State(open_state().root / "bench")
    own.root.mkdir(mode=0o700, exist_ok=True)
    with hold(own, patience=0.0):
        _clear(own)
        running = None
        try:
            with on_cores(OTHERS):
                running = servers.start(own, environ={})
                assert running.postgres is not None
                asyncio.run(_keep_commit_times(running.postgres.dsn))
                running.stop()  # that setting is read at the start only
                running = servers.start(own, environ={})
            place = Place(own, {name: free_port() for name in LISTENERS})
            make_secrets(place, running)
            for name in COMPONENTS:
                asyncio.run(upgrade(name, running.database_urls[f"{name}_owner"]))
            made = Stage(own, running, place, installed())
            made.sql((PEERS / "tables.sql").read_text("utf-8"))
            yield made
        finally:
            if running is not None:
                running.stop()
            _clear(own, keep_logs=True)


async def _keep_commit_times(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("alter system set track_commit_timestamp = on")
    finally:
        await connection.close()


def _clear(state: State, *, keep_logs: bool = False) -> None:
    for path in state.root.iterdir():
        if path.name == "lock" or (keep_logs and path.suffix == ".log"):
            continue
        if path.is_dir():
            rmtree(path)
        else:
            path.unlink()


def idle(pid: int) -> None:
    """Wait until the process has finished what it does after its start."""

    def rests() -> bool:
        with watched(process=pid) as used:
            time.sleep(0.3)
        return used.sample(1).busy("process") < 0.1

    check(wait_until(rests, seconds=PATIENCE), f"process {pid} does not come to rest")


def await_listener(port: int) -> None:
    """Wait until somebody listens on the port; `Wrong` after a minute."""

    def accepts() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, port)) == 0

    check(wait_until(accepts, seconds=PATIENCE), f"nobody listens on {port}")


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
