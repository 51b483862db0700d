"""What a person sees while it works: one line for each step, with the seconds since the start."""

import time


class Progress:
    """Numbered steps; forked children go on with the same clock."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def step(self, number: int, text: str) -> None:
        """Begin a step, or say how far it has come."""
        print(f"{self.seconds:5.1f} s  [{number}/{self.steps}] {text}", flush=True)
