"""Starts several Python targets from one import: a forked child each, one log, one Ctrl-C."""

import gc
import os
import selectors
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NoReturn

from deploy.local.process import die_with_parent
from deploy.local.state import LaunchError

POLL = 0.1  # seconds between two questions to `ready`, or to a child that should end


@dataclass(frozen=True)
class Child:
    """One target. A task starts when all others are ready, may end, and prints without a prefix."""

    name: str
    run: Callable[[], None]
    task: bool = False


@dataclass
class _Process:
    child: Child
    pid: int
    output: int
    rest: bytes = b""
    code: int | None = field(default=None)


def supervise(
    children: Sequence[Child],
    *,
    ready: Callable[[str], bool],
    patience: float = 60.0,
    grace: float = 5.0,
    output: BinaryIO | None = None,
) -> int:
    """Run the children until one ends or a signal comes; return the exit code for the launcher.

    Import everything before, open nothing: no event loop, socket or thread outlives a fork well.
    All start at once and have `patience` seconds until `ready(name)` holds for each; then the
    tasks run. SIGINT or SIGTERM stops them in reverse order, `grace` seconds each, then SIGKILL
    (a second SIGINT: at once). The code is 0 after a signal when all ended in time, 1 when one had
    to be killed or ended by itself with 0, else that of the first child that ended by itself.
    """
    if threading.active_count() > 1:
        raise RuntimeError("fork before any thread is started")
    return _Supervisor(output or sys.stdout.buffer, grace).run(
        children, ready=ready, patience=patience
    )


class _Supervisor:
    """The children of one `supervise` call and the pipes to them."""

    def __init__(self, output: BinaryIO, grace: float) -> None:
        self.output = output
        self.grace = grace
        self.processes: list[_Process] = []
        self.selector = selectors.DefaultSelector()
        self.interrupts = 0
        self.wakeup = os.pipe()

    def run(
        self, children: Sequence[Child], *, ready: Callable[[str], bool], patience: float
    ) -> int:
        for end in self.wakeup:
            os.set_blocking(end, False)
        self.selector.register(self.wakeup[0], selectors.EVENT_READ)
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
        former = {number: signal.signal(number, self._signalled) for number in numbers}
        former_wakeup = signal.set_wakeup_fd(self.wakeup[1])
        gc.collect()
        gc.freeze()  # objects of the import stay shared: the collector writes into none of them
        try:
            return self._run(children, ready=ready, patience=patience)
        finally:
            self._stop()
            gc.unfreeze()
            signal.set_wakeup_fd(former_wakeup)
            for number, handler in former.items():
                signal.signal(number, handler)
            self.selector.close()
            for end in self.wakeup:
                os.close(end)

    def _run(
        self, children: Sequence[Child], *, ready: Callable[[str], bool], patience: float
    ) -> int:
        for child in children:
            if not child.task:
                self._fork(child)
        waiting = [process.child.name for process in self.processes]
        tasks = [child for child in children if child.task]
        deadline = time.monotonic() + patience
        while not self.interrupts:
            self._pump(POLL if waiting else None)
            ended = [p for p in self.processes if p.code is not None and not p.child.task]
            failed = [p for p in self.processes if p.code and p.child.task]
            if ended or failed:
                first = (ended or failed)[0]
                self._say(f"{first.child.name}: ended with code {first.code}")
                return first.code or 1
            if waiting:
                waiting = [name for name in waiting if not ready(name)]
                if not waiting:
                    for task in tasks:
                        self._fork(task)
                elif time.monotonic() > deadline:
                    names = ", ".join(waiting)
                    raise LaunchError(
                        f"以下组件在 {patience:.0f} 秒内未就绪：{names}",
                        f"not ready within {patience:.0f} s: {names}",
                    )
        return 1 if self._stop() else 0

    def _fork(self, child: Child) -> None:
        read, write = os.pipe()
        self.output.flush()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            self._become(child, write, parent=parent)
        os.close(write)
        os.set_blocking(read, False)
        process = _Process(child, pid, read)
        self.processes.append(process)
        self.selector.register(read, selectors.EVENT_READ, process)

    def _become(self, child: Child, write: int, *, parent: int) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()  # the terminal's Ctrl-C reaches the launcher only
            die_with_parent(signal.SIGTERM, parent=parent)
            self.selector.close()
            others = (p.output for p in self.processes if p.code is None)
            for inherited in (*self.wakeup, *others):
                os.close(inherited)
            os.dup2(write, 1)
            os.dup2(write, 2)
            os.close(write)
            child.run()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        except LaunchError as error:
            print(error, file=sys.stderr)
        except BaseException:  # noqa: BLE001 - the child's last words, then it ends
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _pump(self, timeout: float | None) -> None:
        """Pass on what the children wrote, and learn who ended."""
        for key, _ in self.selector.select(timeout):
            if key.data is None:
                os.read(self.wakeup[0], 512)
            else:
                self._pass_on(key.data)
        for process in self.processes:
            if process.code is None:
                pid, status = os.waitpid(process.pid, os.WNOHANG)
                if pid:
                    self._finish(process, status)

    def _pass_on(self, process: _Process) -> bool:
        try:
            chunk = os.read(process.output, 65536)
        except BlockingIOError:
            return False
        lines = (process.rest + chunk).split(b"\n")
        process.rest = lines.pop()
        for line in lines:
            self._print(process.child, line)
        if not chunk:
            self.selector.unregister(process.output)
        return bool(chunk)

    def _finish(self, process: _Process, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        process.code = code if code >= 0 else 128 - code
        while process.output in self.selector.get_map() and self._pass_on(process):
            pass
        if process.rest:
            self._print(process.child, process.rest)
        if process.output in self.selector.get_map():
            self.selector.unregister(process.output)
        os.close(process.output)

    def _stop(self) -> bool:
        """End all that still run, the last started first; True when one had to be killed."""
        killed = False
        for process in reversed(self.processes):
            if process.code is None:
                os.kill(process.pid, signal.SIGTERM)
                if not self._ends(process, seconds=self.grace):
                    self._say(f"{process.child.name}: did not end in time, killed")
                    os.kill(process.pid, signal.SIGKILL)
                    killed = True
                    self._ends(process, seconds=self.grace)
        return killed

    def _ends(self, process: _Process, *, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        interrupts = self.interrupts
        while process.code is None and time.monotonic() < deadline:
            self._pump(POLL)
            if self.interrupts > max(interrupts, 1):
                break
        return process.code is not None

    def _print(self, child: Child, line: bytes) -> None:
        prefix = b"" if child.task else f"{child.name:<10} | ".encode()
        self.output.write(prefix + line + b"\n")
        self.output.flush()

    def _say(self, text: str) -> None:
        self.output.write(f"{text}\n".encode())
        self.output.flush()

    def _signalled(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self.interrupts += 1
