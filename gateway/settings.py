"""What only the gateway is told: where the services are, and how its first client is made."""

from pathlib import Path

from shared.settings import Settings


class GatewaySettings(Settings):
    """`upstreams` maps a service's name to its base URL; entry hosts are exact `host:port`.

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
