"""What the tests of the launcher's parts share: programs of their own, and one query."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.local.state import LaunchError

PROJECT = Path(__file__).resolve().parents[2]


async def ask(dsn: str, query: str, *arguments: object) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query, *arguments)
    finally:
        await connection.close()


def python(program: str, *arguments: object) -> subprocess.Popen[str]:
    """A program of its own in the project, its output as text."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal's Ctrl-C goes to a whole group: see the supervisor
    )


def finished(process: subprocess.Popen[str], *, seconds: float = 30) -> tuple[int, str, str]:
    """Its exit code, output and errors; it is ended when the time is over."""
    try:
        output, errors = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return process.returncode, output, errors


def one_line(error: pytest.ExceptionInfo[LaunchError]) -> bool:
    text = str(error.value)
    return error.value.message_zh in text and error.value.message_en in text and "\n" not in text
