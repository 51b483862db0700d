"""The state folder of a local run: lock, secrets and ports, and one clear line on failure."""

import errno
import fcntl
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.process import is_alive

PROJECT_ROOT = Path(__file__).resolve().parents[2]
MINIMUM_SPACE = 1 << 30  # bytes: an empty cluster, its WAL, the stream and room to work
_MARKER = "ganfutong-state"


class LaunchError(Exception):
    """What a person must change before the suite can start: one line in zh-CN, one in en."""

    def __init__(self, message_zh: str, message_en: str) -> None:
        super().__init__(message_zh, message_en)
        self.message_zh = message_zh
        self.message_en = message_en

    def __str__(self) -> str:
        return f"{self.message_zh} / {self.message_en}"


@dataclass(frozen=True)
class State:
    """The folder that a local run owns; everything in it can be made again by a new start."""

    root: Path

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def nats(self) -> Path:
        return self.root / "nats"

    @property
    def database_passwords(self) -> Path:
        return self.root / "database-passwords.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"


def open_state(
    root: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    minimum_space: int = MINIMUM_SPACE,
) -> State:
    """Make the folder (`.local/`, or what `GFT_STATE_DIR` names) or raise LaunchError."""
    folder = root or Path(environ.get("GFT_STATE_DIR") or PROJECT_ROOT / ".local")
    with readable_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / _MARKER).exists():
            if any(folder.iterdir()):
                raise LaunchError(
                    f"状态目录 {folder} 中已有其他文件，请换一个目录（GFT_STATE_DIR）",
                    f"the state folder {folder} holds other files: choose another (GFT_STATE_DIR)",
                )
            (folder / _MARKER).touch()
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "not writable", str(folder))
    require_space(folder, minimum=minimum_space)
    return State(folder.resolve())


@contextmanager
def hold(state: State, *, patience: float = 15.0) -> Iterator[None]:
    """Keep the folder to one run; processes of a run that was killed get `patience` seconds to end.

    Children that are forked inside inherit the lock, so it outlives a killed parent until they end.
    """
    deadline = time.monotonic() + patience
    with readable_errors(state.root), (state.root / "lock").open("a+", encoding="utf-8") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().strip()
                if time.monotonic() > deadline or (holder and is_alive(int(holder))):
                    raise LaunchError(
                        f"该状态目录正由另一次运行使用（进程 {holder}）：{state.root}",
                        f"another run (process {holder}) uses the state folder {state.root}",
                    ) from None
                time.sleep(0.1)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def reset(state: State) -> None:
    """Remove the folder and all data in it; refused while a run holds it."""
    with hold(state, patience=0.0), readable_errors(state.root):
        shutil.rmtree(state.root)


@contextmanager
def readable_errors(folder: Path) -> Iterator[None]:
    """Say in one line what the operating system refused under `folder`."""
    try:
        yield
    except OSError as error:
        raise explain(error, folder) from error


def explain(error: OSError, folder: Path) -> LaunchError:
    where = error.filename or folder
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return LaunchError(f"磁盘空间已满：{where}", f"the disk is full: {where}")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return LaunchError(f"没有写入权限：{where}", f"no permission to write: {where}")
    return LaunchError(
        f"无法使用 {where}：{error.strerror}", f"cannot use {where}: {error.strerror}"
    )


def require_space(folder: Path, *, minimum: int = MINIMUM_SPACE) -> None:
    """Refuse to start with less than `minimum` bytes free: on a full disk NATS only times out."""
    free = shutil.disk_usage(folder).free
    if free < minimum:
        need, have = minimum >> 20, free >> 20
        raise LaunchError(
            f"磁盘空间不足：{folder} 剩余 {have} MB，至少需要 {need} MB",
            f"disk space: {have} MB left at {folder}, {need} MB needed",
        )


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise explain(error, Path(f"127.0.0.1:{port}")) from error
    return True


def require_port(port: int) -> int:
    """The port itself, or LaunchError when somebody listens on it."""
    if not port_is_free(port):
        raise LaunchError(
            f"端口 {port} 已被占用，请先停止占用它的程序或换一个端口",
            f"port {port} is taken: stop what uses it or choose another port",
        )
    return port


def remembered_port(state: State, name: str) -> int:
    """The port that `name` had last time if it is free, else a new one, kept for the next run."""
    with readable_errors(state.ports):
        known: dict[str, int] = _read(state.ports)
        if name not in known or not port_is_free(known[name]):
            known[name] = free_port()
            write_private(state.ports, json.dumps(known))
    return known[name]


def passwords(file: Path, names: Iterable[str]) -> dict[str, str]:
    """One random password (256 bits, URL-safe) for each name, kept in a 0600 JSON file."""
    with readable_errors(file):
        known: dict[str, str] = _read(file)
        missing = [name for name in names if name not in known]
        if missing:
            known |= {name: secrets.token_urlsafe(32) for name in missing}
            write_private(file, json.dumps(known, indent=1))
    return known


def write_private(file: Path, text: str) -> None:
    """Replace a file at once; it is 0600 from its first byte."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    fresh.replace(file)


def _read(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}
