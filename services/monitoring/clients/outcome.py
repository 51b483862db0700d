"""What came of one probe: what was seen, how long each phase took, and what went wrong."""

from dataclasses import dataclass, field
from enum import StrEnum

from services.monitoring.rules.conditions import Observation


class Phase(StrEnum):
    """The phases of a probe, in their order; each has its own limit within that of the whole."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    FIRST_BYTE = "first_byte"
    TRANSFER = "transfer"


class ProbeError(Exception):
    """Why a probe came to no answer; `code` is stable and shown."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class PhaseTimeout(ProbeError):
    def __init__(self, phase: Phase) -> None:
        super().__init__(f"timeout_{phase}")


ADDRESS_REFUSED = "address_refused"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for the whole and for each phase, bytes of a body after unpacking, hops."""

    total: float
    phases: dict[Phase, float] = field(default_factory=dict)
    body: int = 1024 * 1024
    redirects: int = 0

    def of(self, phase: Phase) -> float:
        return min(self.phases.get(phase, self.total), self.total)


@dataclass(slots=True)
class Outcome:
    """`phases` are milliseconds; `reused` when an open connection was used again."""

    seen: Observation = field(default_factory=Observation)
    error: str | None = None
    phases: dict[Phase, float] = field(default_factory=dict)
    hops: int = 0
    reused: bool = False
