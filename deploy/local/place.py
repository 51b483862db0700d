"""Where everything of one run listens, and which files its secrets are in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.state import (
    LaunchError,
    State,
    port_is_free,
    remembered_port,
    require_port,
    write_private,
)

HOST = "127.0.0.1"
DEFAULT_PORT = 8700
BOOTSTRAP_CLIENT = "province-admin"
SERVICES = ("catalog", "filing", "monitoring")
COMPONENTS = (*SERVICES, "gateway")
_HIGHEST = 65535


@dataclass(frozen=True)
class Place:
    """One run: its state folder and the loopback port of each of its listeners."""

    state: State
    ports: Mapping[str, int]

    def url(self, name: str) -> str:
        return f"http://{HOST}:{self.ports[name]}"

    @property
    def gateway(self) -> str:
        return self.url("gateway")

    @property
    def stand_in(self) -> str:
        return self.url("stand-in")

    @property
    def stand_in_expired(self) -> str:
        """The stand-in whose certificate has run out."""
        return f"https://{HOST}:{self.ports['stand-in-expired']}"

    @property
    def officers(self) -> str:
        return self.url("officers")

    @property
    def clients_file(self) -> Path:
        return self.state.root / "clients.json"

    @property
    def officers_file(self) -> Path:
        return self.state.root / "officers.json"

    @property
    def console_file(self) -> Path:
        return self.state.root / "console-demo.json"

    @property
    def bootstrap_secret_file(self) -> Path:
        return self.state.root / "province-admin.secret"

    def record_secret_file(self, component: str) -> Path:
        return self.state.root / f"record-{component}.secret"

    def log(self, name: str) -> Path:
        return self.state.root / "logs" / f"{name}.log"

    def keyring_file(self, component: str) -> Path:
        return self.state.root / f"keyring-{component}.json"


def record_client(component: str) -> str:
    """The API client as which a component reads the others' records of events."""
    return f"record-{component}"


def settle(state: State, *, environ: Mapping[str, str] = os.environ) -> Place:
    """Choose the ports: the gateway's as asked for, the others as they were last time."""
    gateway = require_port(_gateway_port(environ))
    ports = {name: remembered_port(state, name) for name in (*SERVICES, "officers")}
    ports["stand-in-expired"] = remembered_port(state, "stand-in-expired")
    return Place(state, {**ports, "gateway": gateway, "stand-in": _stand_in_port(state, gateway)})


def _gateway_port(environ: Mapping[str, str]) -> int:
    raw = environ.get("GFT_PORT") or str(DEFAULT_PORT)
    if not raw.isdecimal() or not 0 < int(raw) <= _HIGHEST:
        raise LaunchError(
            f"GFT_PORT 应为 1 到 {_HIGHEST} 的端口号：{raw}",
            f"GFT_PORT is a port from 1 to {_HIGHEST}: {raw}",
        )
    return int(raw)


def _stand_in_port(state: State, gateway: int) -> int:
    """The one after the gateway's if free; from then on the same: the demo's entries name it."""
    file = state.root / "stand-in-port"
    if file.exists():
        return require_port(int(file.read_text(encoding="utf-8")))
    after = gateway + 1
    port = after if after <= _HIGHEST and port_is_free(after) else remembered_port(state, "entry")
    write_private(file, str(port))
    return port


def other_data() -> LaunchError:
    """The database was filled by a run with other secrets than those of this state folder."""
    return LaunchError(
        "数据库中是另一个状态目录的数据：请先运行 make reset，或换一个数据库",
        "the database holds data of another state folder: run make reset, or use another database",
    )
