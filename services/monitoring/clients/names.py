"""Questions to a DNS server over UDP, over TCP where the answer was cut; and what it answered."""

import asyncio
import secrets
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from services.monitoring.clients.outcome import ProbeError

_TYPES: Final = {"A": 1, "NS": 2, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28}
_RCODES: Final = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
_HEADER: Final = struct.Struct("!6H")
_RECORD: Final = struct.Struct("!HHIH")
_RESPONSE, _CUT, _RECURSION = 0x8000, 0x0200, 0x0100
_UDP_BYTES: Final = 4096
_JUMPS: Final = 64


def question(name: str, record: str, *, number: int) -> bytes:
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".")]
    wire = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return (
        _HEADER.pack(number, _RECURSION, 1, 0, 0, 0) + wire + struct.pack("!2H", _TYPES[record], 1)
    )


def read_answer(data: bytes, asked: bytes, *, record: str) -> tuple[str, list[str]] | None:
    """The rcode and the values of the asked type; None where it is cut and TCP must be asked.

    `dns_invalid` for what is no answer to this question.
    """
    try:
        number, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
        own = asked[_HEADER.size :]
        if number != int.from_bytes(asked[:2], "big") or not flags & _RESPONSE:
            raise ProbeError("dns_invalid")
        if questions != 1 or data[_HEADER.size : _HEADER.size + len(own)].lower() != own.lower():
            raise ProbeError("dns_invalid")
        if flags & _CUT:
            return None
        code = flags & 0x0F
        rcode = _RCODES[code] if code < len(_RCODES) else f"RCODE{code}"
        return rcode, _values(data, _HEADER.size + len(own), answers, wanted=_TYPES[record])
    except (struct.error, IndexError, ValueError) as error:
        raise ProbeError("dns_invalid") from error


def _values(data: bytes, at: int, answers: int, *, wanted: int) -> list[str]:
    found = []
    for _ in range(answers):
        _, at = _name(data, at)
        kind, _, _, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if at + length > len(data):
            raise ValueError("a record beyond the end")
        if kind == wanted:
            found.append(_value(data, at, length, kind))
        at += length
    return found


def _value(data: bytes, at: int, length: int, kind: int) -> str:
    raw = data[at : at + length]
    match kind:
        case 1:
            return str(IPv4Address(raw))
        case 28:
            return str(IPv6Address(raw))
        case 15:
            return f"{int.from_bytes(raw[:2], 'big')} {_name(data, at + 2)[0]}"
        case 16:
            return raw[1 : 1 + raw[0]].decode("utf-8", "replace")
        case _:
            return _name(data, at)[0]


def _name(data: bytes, at: int) -> tuple[str, int]:
    """A name with its pointers followed, a bounded number of them, and where it ends."""
    labels: list[str] = []
    end = None
    for _ in range(_JUMPS):
        length = data[at]
        if length & 0xC0 == 0xC0:
            end = end or at + 2
            at = int.from_bytes(data[at : at + 2], "big") & 0x3FFF
        elif length == 0:
            return ".".join(labels), end or at + 1
        else:
            labels.append(data[at + 1 : at + 1 + length].decode("ascii", "replace"))
            at += 1 + length
    raise ValueError("a name without end")


class _Datagram(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _address: object) -> None:
        if not self.answer.done():
            self.answer.set_result(data[:_UDP_BYTES])

    def error_received(self, _error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(ProbeError("connection_refused"))


async def ask_server(address: str, port: int, name: str, record: str) -> tuple[str, list[str]]:
    """The rcode and the values; the socket takes datagrams of that server alone."""
    asked = question(name, record, number=secrets.randbits(16))
    loop = asyncio.get_running_loop()
    transport, datagram = await loop.create_datagram_endpoint(
        _Datagram, remote_addr=(address, port)
    )
    try:
        transport.sendto(asked)
        found = read_answer(await datagram.answer, asked, record=record)
    finally:
        transport.close()
    if found is None:
        found = read_answer(await _over_tcp(address, port, asked), asked, record=record)
    if found is None:
        raise ProbeError("dns_invalid")
    return found


async def _over_tcp(address: str, port: int, asked: bytes) -> bytes:
    try:
        reader, writer = await asyncio.open_connection(address, port, limit=2**17)
    except OSError as error:
        raise ProbeError("connection_refused") from error
    try:
        writer.write(struct.pack("!H", len(asked)) + asked)
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    except (asyncio.IncompleteReadError, OSError) as error:
        raise ProbeError("connection_lost") from error
    finally:
        writer.close()
