"""What the clock causes: reminders, breaches and lapses, looked for every second."""

from services.filing.commands import sweep_clocks
from shared.scheduling import Every

SCHEDULE = (Every(seconds=1.0, work=sweep_clocks),)
