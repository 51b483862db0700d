"""What the clock causes: reminders, breaches, lapses, and what is forgotten."""

from services.filing.commands import forget_uncited, sweep_clocks
from shared.scheduling import Every

SCHEDULE = (
    Every(seconds=1.0, work=sweep_clocks),
    Every(seconds=3600.0, work=forget_uncited),
)
