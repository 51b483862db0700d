"""Which addresses a probe may connect to: public ones, and what the operator has allow-listed.

`ipaddress.is_global` is not enough: it lets addresses pass that carry a private one inside, and
differs between versions of Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address

PUBLIC_PORTS: Final = frozenset({80, 443})
_REFUSED: Final[tuple[IPv4Network | IPv6Network, ...]] = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT; clouds keep metadata here too
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's host agent, though the address is public
        "169.254.0.0/16",  # link-local, metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relay
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "::/8",  # unspecified, loopback, IPv4 inside in two forms
        "64:ff9b::/96",  # NAT64: an IPv4 address inside
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo and other protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """A network that probes may reach although it is not public; no ports means each."""

    network: IPv4Network | IPv6Network
    ports: frozenset[int] = frozenset()

    def covers(self, address: Address, port: int) -> bool:
        return address in self.network and (not self.ports or port in self.ports)


def read_allowed(text: str) -> Allowed:
    """`127.0.0.1:8701`, `10.2.0.0/16`, `[fd00::]/8:8443`; ValueError where it is none of these."""
    network, colon, port = text.rpartition(":")
    if not colon or "]" in port or not port.isdecimal() or (":" in network and "]" not in network):
        network, port = text, ""
    bare = network.replace("[", "").replace("]", "")
    return Allowed(ip_network(bare), frozenset({int(port)}) if port else frozenset())


@lru_cache(maxsize=8192)
def plain(text: str) -> Address:
    """The address that is meant: `::ffff:10.0.0.1` is 10.0.0.1. ValueError where it is none."""
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def may_connect(
    address: Address,
    port: int,
    *,
    allowed: Sequence[Allowed],
    public_ports: frozenset[int] = PUBLIC_PORTS,
) -> bool:
    """Decided on the very address that the connection is made to, after resolution."""
    if any(each.covers(address, port) for each in allowed):
        return True
    return port in public_ports and is_public(address)


def is_public(address: Address) -> bool:
    return not any(address in network for network in _REFUSED) and address.is_global
