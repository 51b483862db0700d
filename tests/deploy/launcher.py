"""The real launcher as a program, and what a person does with it."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from deploy.local import province
from tests.deploy.programs import PROJECT

ROWS = province.read().listings
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
