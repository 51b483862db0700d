"""The same look, taken by a process that may die of it."""

import asyncio
import json
import os
import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from shared.errors import DomainError
from shared.security.errors import ClassifiedMarkerRefused
from shared.security.files.errors import REFUSALS, FileUnreadable
from shared.security.files.inspection import inspect
from shared.security.files.kinds import FileKind, Limits, kind_by_start
from shared.spreadsheets import read_xlsx

_MEMORY: Final = 1024 * 1024 * 1024
_AT_ONCE: Final = asyncio.Semaphore(2)
_TABLE: Final = "table.xlsx"
_ROOT: Final = Path(__file__).parents[3]


async def inspect_apart(data: bytes, *, name: str, declared: str, limits: Limits) -> FileKind:
    """`inspect` in a process of its own; what it cannot finish in time is unreadable.

    Words and pictures need no parser that could be led astray: they are looked at here.
    """
    if kind_by_start(data) not in (FileKind.PDF, FileKind.ZIP):
        return await asyncio.to_thread(inspect, data, name=name, declared=declared, limits=limits)
    told = await _ask(data, limits, name=name, declared=declared, rows=0)
    return FileKind(told["kind"])


async def read_table_apart(data: bytes, *, limits: Limits, most: int) -> list[list[str]]:
    """The first sheet of an XLSX, at most so many rows, after the same look through the file."""
    told = await _ask(data, limits, name=_TABLE, declared=FileKind.XLSX, rows=most)
    rows: list[list[str]] = told["rows"]
    return rows


async def _ask(
    data: bytes, limits: Limits, *, name: str, declared: str, rows: int
) -> dict[str, Any]:
    """What the process tells: the kind, with rows if some are asked for; its refusal is raised."""
    asked = json.dumps({"name": name, "declared": declared, "limits": asdict(limits), "rows": rows})
    async with _AT_ONCE:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "shared.security.files",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.defpath, "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        try:
            async with asyncio.timeout(limits.seconds * 2):  # the limit itself counts CPU
                told, _ = await process.communicate(asked.encode() + b"\n" + data)
        except TimeoutError:
            told = b""
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return _verdict(told)


def _verdict(told: bytes) -> dict[str, Any]:
    if not told:
        raise FileUnreadable(entry="")
    answer: dict[str, Any] = json.loads(told)
    if "kind" in answer:
        return answer
    if answer["code"] == ClassifiedMarkerRefused.code:
        raise ClassifiedMarkerRefused(clause="A21.4", **answer["params"])
    raise REFUSALS[answer["code"]](**answer["params"])


def answer() -> None:
    """The other end: one question on stdin, one verdict on stdout."""
    head, _, data = sys.stdin.buffer.read().partition(b"\n")
    asked = json.loads(head)
    limits = Limits(**asked["limits"])
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        kind = inspect(data, name=asked["name"], declared=asked["declared"], limits=limits)
        told: dict[str, Any] = {"kind": kind}
        if asked["rows"]:
            told["rows"] = read_xlsx(data, most=asked["rows"])
    except DomainError as refused:
        told = {"code": refused.code, "params": refused.params}
    except (RecursionError, MemoryError, ValueError):
        told = {"code": FileUnreadable.code, "params": {"entry": ""}}
    sys.stdout.write(json.dumps(told))
