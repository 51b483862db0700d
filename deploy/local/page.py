"""The page that `make run` ends with: where everything is, who may call it, and how to begin."""

import json
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from deploy.local import province
from deploy.local.clock import clock_of
from deploy.local.officers import OFFICERS, officer_secrets
from deploy.local.place import BOOTSTRAP_CLIENT, Place
from deploy.local.state import PROJECT_ROOT
from shared.clock import SHANGHAI

SHOWN = (*province.WALK_THROUGH, "mini-app", "console-demo")  # all are in the clients' file
RULE = "─" * 100


def render(place: Place, *, seconds: float, listings: int, nats_url: str) -> str:
    """The whole page; it shows secrets of this machine's demo, which is what they are for."""
    clients = json.loads(place.clients_file.read_text(encoding="utf-8"))
    return "\n".join(
        [
            "",
            RULE,
            f"赣服通运行管理平台（演示）已就绪 · ready in {seconds:.1f} s",
            RULE,
            *_addresses(place, listings=listings, nats_url=nats_url),
            "",
            f"演示客户端 Demo clients · 全部 {len(clients)} 个 all: {_shown(place.clients_file)}",
            *_clients(clients),
            f"  {BOOTSTRAP_CLIENT}（省级管理员）: {_shown(place.bootstrap_secret_file)}",
            "",
            f"演示人员 Officers · 令牌 person tokens: {place.officers}/token",
            *_officers(place),
            "",
            *_clock(place),
            "",
            "走一遍 Walk-through · README 接着讲 the README goes on from here",
            *_walk(place, clients),
            "",
            "Ctrl-C 停止 stops everything · make run 继续 goes on · make reset 清空 clears",
            RULE,
        ]
    )


def _addresses(place: Place, *, listings: int, nats_url: str) -> list[str]:
    return _table(
        [
            ("网关 Gateway", place.gateway, ""),
            ("接口文档 API docs", f"{place.gateway}/docs", f"{place.gateway}/openapi.json"),
            ("服务 Listings", str(listings), "演示省份 the demo province"),
            ("部门系统替身 Stand-in", place.stand_in, "服务入口 behind every entry"),
            ("事件 Events", nats_url, f"控制台 console: {_shown(place.console_file)}"),
            ("", "", "十行示例见 README · ten lines of Python in the README"),
            ("日志 Logs", _shown(place.log("gateway").parent), ""),
        ]
    )


def _clients(clients: dict[str, dict[str, Any]]) -> list[str]:
    named = province.read().organisations
    return _table(
        [
            (
                name,
                clients[name]["role"],
                named[clients[name]["organisation_id"]].short_name,
                clients[name]["client_secret"],
            )
            for name in SHOWN
            if name in clients
        ]
    )


def _officers(place: Place) -> list[str]:
    known = officer_secrets(place.state)
    return _table([(each.id, each.role, each.title, known[each.id]) for each in OFFICERS])


def _clock(place: Place) -> list[str]:
    now = clock_of(place.state).now().astimezone(SHANGHAI)
    return [
        f"演示时钟 Demo clock · {now:%Y-%m-%d %H:%M} +08:00",
        "  .venv/bin/python -m deploy.local clock +3d   # 拨快三天 three days on; clock reset 恢复",
    ]


def _walk(place: Place, clients: dict[str, dict[str, Any]]) -> list[str]:
    client = "city-360100"
    secret = clients[client]["client_secret"]
    read = "import json, sys; print(json.load(sys.stdin)['access_token'])"
    return [
        f"  TOKEN=$(curl -s -u '{client}:{secret}' -d grant_type=client_credentials \\",
        f'    {place.gateway}/oauth2/token | python3 -c "{read}")',
        '  curl -s -H "Authorization: Bearer $TOKEN" -G --data-urlencode q=社保 \\',
        f"    '{place.gateway}/v1/listings?limit=3' | python3 -m json.tool --no-ensure-ascii",
    ]


def _shown(path: Path) -> str:
    """As one would type it in the project's folder."""
    return str(path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path)


def _table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows with aligned columns; a Chinese character is two columns wide."""
    kept = [tuple(map(str, row)) for row in rows]
    widths = [max(map(_width, column)) for column in zip(*kept, strict=True)]
    return ["  " + "  ".join(map(_padded, row, widths)).rstrip() for row in kept]


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
