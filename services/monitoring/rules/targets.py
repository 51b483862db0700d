"""What a probe is aimed at, read from one URL: https, http, tcp or dns."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, urljoin, urlsplit

HEARTBEAT: Final = "heartbeat:"
_HOST: Final = re.compile(
    r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)
_PATH: Final = re.compile(r"[!-~]*")
_RECORDS: Final = frozenset({"A", "AAAA", "CNAME", "MX", "NS", "TXT"})
_PORTS: Final = {"https": 443, "http": 80, "dns": 53, "tcp": None}


class Scheme(StrEnum):
    """How a target is spoken to."""

    HTTPS = "https"
    HTTP = "http"
    TCP = "tcp"
    DNS = "dns"


class TargetUnreadable(ValueError):
    """Why a URL cannot be probed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Target:
    """`path` is the request target of HTTP; `name` and `record` are what a DNS server is asked."""

    scheme: Scheme
    host: str
    port: int
    path: str = "/"
    name: str = ""
    record: str = "A"

    @property
    def authority(self) -> str:
        """As the Host field has it: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def secure(self) -> bool:
        return self.scheme is Scheme.HTTPS


@lru_cache(maxsize=16_384)
def read_target(url: str) -> Target:
    """`TargetUnreadable` names what is wrong; nothing is looked up."""
    if not url.isprintable() or " " in url or "\\" in url:
        raise TargetUnreadable("characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise TargetUnreadable("address") from error
    if parts.scheme not in _PORTS:
        raise TargetUnreadable("scheme")
    if "@" in parts.netloc:
        raise TargetUnreadable("credentials")
    scheme = Scheme(parts.scheme)
    port = port or _PORTS[scheme]
    if not host or port is None:
        raise TargetUnreadable("host" if not host else "port")
    target = Target(scheme, ascii_host(host), port)
    if scheme is Scheme.DNS:
        return _question(target, parts.path, parts.query)
    if scheme is Scheme.TCP:
        return target
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if _PATH.fullmatch(path) is None:
        raise TargetUnreadable("characters")
    return Target(scheme, target.host, port, path)


def redirected(target: Target, location: str) -> Target:
    """Where a redirect leads: HTTP again, or `TargetUnreadable`."""
    found = read_target(urljoin(f"{target.scheme}://{target.authority}{target.path}", location))
    if found.scheme not in (Scheme.HTTP, Scheme.HTTPS):
        raise TargetUnreadable("scheme")
    return found


def ascii_host(host: str) -> str:
    """The name as DNS knows it; an address stays as it is."""
    try:
        return str(ip_address(host.partition("%")[0] if ":" in host else host))
    except ValueError:
        pass
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise TargetUnreadable("host") from error
    if len(name) > 253 or _HOST.fullmatch(name) is None:
        raise TargetUnreadable("host")
    return name


def _question(target: Target, path: str, query: str) -> Target:
    """`dns://192.0.2.53/rst.jiangxi.example?type=A` asks that server for that name."""
    record = parse_qs(query).get("type", ["A"])[0].upper()
    if record not in _RECORDS:
        raise TargetUnreadable("record")
    name = ascii_host(path.strip("/"))
    return Target(target.scheme, target.host, target.port, name=name, record=record)


def host_of(url: str) -> str:
    """Whom a probe speaks to; a heartbeat speaks to nobody else and stands for itself."""
    return url if url.startswith(HEARTBEAT) else read_target(url).host
