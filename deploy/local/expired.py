"""A department's system whose certificate has run out, and the demo's own authority behind it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.local.state import State, write_private

HOST = "127.0.0.1"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
_YEAR = timedelta(days=365)


def authority_file(state: State) -> Path:
    return state.root / "demo-authority.pem"


def expired_file(state: State) -> Path:
    return state.root / "stand-in-expired.pem"


def make_certificates(state: State) -> None:
    """An authority that the demo's prober trusts, and a certificate of it that ended yesterday."""
    if expired_file(state).exists() and authority_file(state).exists():
        return
    now = datetime.now(UTC)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name = _name("演示根证书 demo authority")
    root = (
        _begun(root_name, root_name, root_key.public_key(), now - 3 * _YEAR, now + 3 * _YEAR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    yesterday = now - timedelta(days=1)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))])
    leaf = (
        _begun(_name("stand-in"), root_name, key.public_key(), yesterday - _YEAR, yesterday)
        .add_extension(alternative, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_private(authority_file(state), _pem(root).decode())
    write_private(expired_file(state), (_pem(leaf) + private).decode())


@asynccontextmanager
async def serving(port: int, certificate: Path) -> AsyncIterator[None]:
    """Answer everybody who accepts that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_ANSWER)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, HOST, port, ssl=context)
    try:
        yield
    finally:
        server.close()


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begins: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
