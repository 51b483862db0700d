"""The demo clock: one offset in the state folder, which every process of the run follows."""

import re
from collections.abc import Sequence
from datetime import timedelta

from deploy.local.state import LaunchError, State, open_state, readable_errors
from shared.clock import SHANGHAI, SettableClock

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(weeks=520)
_STEP = re.compile(r"\+(\d{1,6})([smhdw])")


def clock_of(state: State) -> SettableClock:
    return SettableClock(state.root / "clock")


def move(change: Sequence[str]) -> int:
    """Advance the clock (`+3d`), set it back to the machine's (`reset`), or only show it."""
    state = open_state(minimum_space=0)
    clock = clock_of(state)
    with readable_errors(state.root):
        if change == ["reset"]:
            clock.reset()
        elif change:
            clock.advance(_step(change))
        now = clock.now().astimezone(SHANGHAI)
    print(f"演示时钟 / demo clock: {now:%Y-%m-%d %H:%M:%S} {now:%z}")
    return 0


def _step(change: Sequence[str]) -> timedelta:
    step = _STEP.fullmatch(change[0]) if len(change) == 1 else None
    found = timedelta(**{UNITS[step[2]]: int(step[1])}) if step else timedelta()
    if not timedelta() < found <= LONGEST:
        raise LaunchError(
            f"无法识别的时间：{' '.join(change)}（示例：+3d、+90m、reset，最多十年）",
            f"not a step of the clock: {' '.join(change)} (such as +3d, +90m, reset; ten years)",
        )
    return found
