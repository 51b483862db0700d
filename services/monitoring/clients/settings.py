"""What only monitoring is told: where its probes may go, and from where they look."""

from pathlib import Path

from pydantic import Field, field_validator

from services.monitoring.rules.addresses import Allowed, read_allowed
from shared.settings import Settings


class MonitoringSettings(Settings):
    """`probe_networks` are reached although they are not public: `10.2.0.0/16`, `127.0.0.1:8701`.

    A replica with `probing` off answers calls and leaves the probes to the others. Authorities of
    `probe_authorities` stand in the place of the system's.
    """

    probing: bool = True
    probe_networks: tuple[str, ...] = ()
    probe_authorities: Path | None = None
    probes_at_once: int = Field(default=256, ge=1, le=10_000)
    vantage: str = Field(default="default", pattern="^[a-z0-9-]{1,40}$")

    @field_validator("probe_networks")
    @classmethod
    def _readable(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for each in networks:
            read_allowed(each)
        return networks

    @property
    def allowed(self) -> tuple[Allowed, ...]:
        return tuple(read_allowed(each) for each in self.probe_networks)
