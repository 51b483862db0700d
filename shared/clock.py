"""What time it is, as something that is passed in.

Production reads the machine's clock. A test or a demo may move a `SettableClock`; with a file the
offset is shared by every process of one machine, so that a whole suite jumps days together.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class SettableClock:
    """The machine's clock plus an offset in seconds, kept in memory or in a file."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._offset = timedelta()
        self._read_at = 0

    def now(self) -> datetime:
        self._reload()
        return datetime.now(UTC) + self._offset

    def set(self, instant: datetime) -> None:
        self._move(instant - datetime.now(UTC))

    def advance(self, step: timedelta) -> None:
        self._reload()
        self._move(self._offset + step)

    def reset(self) -> None:
        self._move(timedelta())

    def _move(self, offset: timedelta) -> None:
        self._offset = offset
        if self._file is not None:
            draft = self._file.with_suffix(".new")
            draft.write_text(str(offset.total_seconds()))
            draft.replace(self._file)

    def _reload(self) -> None:
        if self._file is None:
            return
        try:
            changed = self._file.stat().st_mtime_ns
        except FileNotFoundError:
            self._offset, self._read_at = timedelta(), 0
            return
        if changed != self._read_at:
            self._offset = timedelta(seconds=float(self._file.read_text()))
            self._read_at = changed
