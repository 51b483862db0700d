"""X-Forwarded-*: believed from a configured ingress alone, and never handed on."""

import ipaddress

_FORWARDED = frozenset({b"forwarded", b"x-real-ip", b"x-client-ip", b"true-client-ip"})

Headers = list[tuple[bytes, bytes]]


def without_forwarded(headers: Headers) -> Headers:
    return [
        (name, value)
        for name, value in headers
        if not name.startswith(b"x-forwarded-") and name not in _FORWARDED
    ]


def forwarded_client(headers: Headers) -> tuple[str | None, str | None]:
    """The address and the scheme that the last hop saw: the right-most entries."""
    address = scheme = None
    for name, value in headers:
        last = value.rpartition(b",")[2].strip().decode("latin-1")
        if name == b"x-forwarded-for":
            try:
                address = str(ipaddress.ip_address(last))
            except ValueError:
                address = None
        elif name == b"x-forwarded-proto" and last in ("http", "https"):
            scheme = last
    return address, scheme
