"""Starts the world's processes by fork, so that one that was killed is back in a moment.

Two seconds of imports happen once, here. Commands and answers are JSON lines on a socket that the
harness holds; whoever dies first takes everything below with it. As the parent of what it starts,
it alone kills: a number that was not waited for cannot belong to another process.
"""

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from deploy.local.process import die_with_parent

Config = Mapping[str, Any]
Roles = Mapping[str, Callable[[Config], None]]


class Zygote:
    """One socket, and the processes started by its commands."""

    def __init__(self, channel: socket.socket, roles: Roles) -> None:
        self._channel = channel
        self._roles = roles
        self._running: dict[str, int] = {}
        self._codes: dict[str, int] = {}

    def serve(self) -> None:
        with self._channel.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                asked = json.loads(line)
                answer = getattr(self, f"do_{asked.pop('do')}")(**asked)
                self._channel.sendall(json.dumps(answer).encode() + b"\n")
        for name in list(self._running):
            self.do_kill(name)

    def do_start(self, name: str, role: str, config: Config, log: str) -> int:
        """Fork a process of that role; its number."""
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(role, config, Path(log), parent=parent)
        self._running[name] = pid
        return pid

    def do_kill(self, name: str) -> bool:
        """SIGKILL, and wait until it is gone; False when it had ended by itself."""
        self._learn(name)
        self._codes.pop(name, None)
        pid = self._running.pop(name, None)
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return True

    def do_stop(self, name: str) -> bool:
        """SIGTERM, if it still runs; `codes` tells when it has ended."""
        self._learn(name)
        if name in self._running:
            os.kill(self._running[name], signal.SIGTERM)
        return name in self._running

    def do_codes(self) -> dict[str, int]:
        """Exit codes of those that have ended by themselves, each told once."""
        for name in list(self._running):
            self._learn(name)
        told, self._codes = self._codes, {}
        return told

    def _learn(self, name: str) -> None:
        pid = self._running.get(name)
        if pid is None:
            return
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            del self._running[name]
            self._codes[name] = os.waitstatus_to_exitcode(status)

    def _become(self, role: str, config: Config, log: Path, *, parent: int) -> NoReturn:
        code = 1
        try:
            die_with_parent(signal.SIGKILL, parent=parent)
            self._channel.close()
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for stream in (1, 2):
                os.dup2(output, stream)
            self._roles[role](config)
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except BaseException:  # noqa: BLE001 a child's last words go to its log
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)


def main(descriptor: str, parent: str) -> None:
    die_with_parent(signal.SIGKILL, parent=int(parent))
    from tests.chaos.roles import ROLES  # the two seconds, after the tie to the harness

    with socket.socket(fileno=int(descriptor)) as channel:
        gc.collect()
        gc.freeze()  # what was imported stays shared: no child's collector writes into it
        channel.sendall(b'"ready"\n')
        Zygote(channel, ROLES).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
