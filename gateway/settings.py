"""What only the gateway is told: where the services are, and how its first client is made."""

import re
from pathlib import Path
from typing import Final

from pydantic import model_validator

from shared.security.access import OPERATIONS
from shared.settings import Profile, Settings

OWN: Final = "gateway"
SERVICES: Final = frozenset(operation.service for operation in OPERATIONS.values()) - {OWN}
_ADDRESS: Final = re.compile(r"http://(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}/?|unix:/.+")


class GatewaySettings(Settings):
    """`upstreams` maps a service's name to its base URL, or several with commas; entry hosts are
    exact `host:port`.

    Loopback and private entry hosts are refused unless they stand in `entry_hosts`. With
    `enforce_overdue` a start lets log-only rules that are past their day refuse.
    """

    upstreams: dict[str, str] = {}
    entry_hosts: tuple[str, ...] = ()
    bootstrap_client: str | None = None
    bootstrap_secret_file: Path | None = None
    cors_origins: tuple[str, ...] = ()
    docs: bool = True
    enforce_overdue: bool = False
    access_log: bool = True
    budget_seconds: float = 10.0

    @model_validator(mode="after")
    def _each_service_is_reached(self) -> "GatewaySettings":
        """A test may go without some; their operations are then unavailable."""
        if strange := sorted(self.upstreams.keys() - SERVICES):
            raise ValueError(f"upstreams: there is no service {', '.join(strange)}")
        for name, urls in self.upstreams.items():
            if not all(_ADDRESS.fullmatch(url) for url in urls.split(",")):
                raise ValueError(f"upstreams: {name} is http://host:port or unix:/path")
        missing = sorted(SERVICES - self.upstreams.keys())
        if missing and self.profile is not Profile.TEST:
            raise ValueError(f"upstreams: give the address of {', '.join(missing)}")
        return self
