"""Server processes that end with the launcher, apart from the terminal's Ctrl-C."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(number: signal.Signals, *, parent: int) -> None:
    """Call in a child: it gets signal `number` when the thread that made it ends, killed or not."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # the parent ended before the line above
            os.kill(os.getpid(), number)


def launch(
    command: Sequence[str | Path],
    *,
    log: Path,
    folder: Path,
    account: pwd.struct_passwd | None = None,
    on_parent_death: signal.Signals,
) -> subprocess.Popen[bytes]:
    """Start a server in `folder`, as `account` when given; call from the main thread only.

    It has a session of its own (Ctrl-C goes to the launcher alone) and only the environment below.
    """
    log.touch(mode=0o600)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"},
            start_new_session=True,
            preexec_fn=_tied(on_parent_death),  # noqa: PLW1509 - before any thread; no other way to PDEATHSIG
            user=None if account is None else account.pw_uid,
            group=None if account is None else account.pw_gid,
            extra_groups=None if account is None else [],
        )


def end(process: subprocess.Popen[bytes], *signals: signal.Signals, patience: float = 10.0) -> int:
    """Send the signals in turn, `patience` seconds each, then SIGKILL; return the exit code."""
    for number in (*signals, signal.SIGKILL):
        if process.poll() is not None:
            break
        process.send_signal(number)
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    return process.wait()


def wait_until(condition: Callable[[], bool], *, seconds: float, pause: float = 0.02) -> bool:
    """Ask until `condition` holds; False when `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def _tied(number: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()
    return lambda: die_with_parent(number, parent=parent)


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs, ours or not; a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in {"Z", "X"}
