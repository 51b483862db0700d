"""Probes beside blackbox_exporter's, and ten thousand endpoints at thirty seconds."""

import http.client
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.cases import Case
from bench.generators import Call, ask
from bench.harness import OTHERS, SERVER, Row, Sample, Variant, check, watched
from bench.probing import AT_ONCE
from bench.stage import PEERS, Stage, await_listener
from deploy.local.place import HOST
from deploy.local.process import wait_until
from deploy.local.state import free_port

ENDPOINTS, INTERVAL = 10_000, 30
LOOKED_AT = 10.0  # seconds
TICK = 10.0  # milliseconds between two looks at what is due
_SEED = """
    insert into monitoring.known_listings
        (id, organisation_id, region, title, entry_url, state)
    select uuidv4(), 'jx-rst', '36', 'bench', 'http://127.0.0.1/', 'LISTED'
    from generate_series(1, $1::int);
"""
_PROBES = """
    insert into monitoring.probes (id, listing_id, organisation_id, region, purpose, name, url,
        method, conditions, interval_seconds, timeout_seconds, redirects, listed, paused, shard,
        changed_at, version)
    select id, id, 'jx-rst', '36', 'ENTRY', 'bench',
        'http://127.0.' || number / 250 || '.' || number % 250 + 1 || ':' || $1::int || '/', 'GET',
        '{[STATUS] == 200,[BODY].status == UP}', $2::int, 15, 0, true, false, number % 32,
        now(), 1
    from (select id, (row_number() over ())::int as number from monitoring.known_listings
        where title = 'bench') as listing
"""
_STANDINGS = """
    insert into monitoring.probe_standings
        (probe_id, state, since, failures, successes, incident_open, seen)
    select id, 'UP', now(), 0, 0, false, true from monitoring.probes where name = 'bench'
"""
_SIGHTS = """
    insert into monitoring.vantage_standings
        (probe_id, vantage, state, since, failures, successes, faulty, seen)
    select id, 'default', 'UP', now(), 0, 0, false, true
    from monitoring.probes where name = 'bench'
"""
_SEEN = """
    select count(*) as stored, count(*) filter (where ok) as passed,
        percentile_cont(0.99) within group (order by lag) as p99
    from monitoring.samples where at > $1 and at <= $2
"""


# --- beside blackbox ------------------------------------------------------------------------------


@contextmanager
def _beside(stage: Stage) -> Iterator[Mapping[str, Variant]]:
    """Without nginx there is no target that costs nothing, and no row."""
    if stage.peers is None:
        yield {}
        return
    with ExitStack() as stack:
        certificate = _write_certificate(stage.state.root / "target.pem")
        plain, secure = free_port(), free_port()
        stack.enter_context(target(stage, plain=plain, secure=secure, certificate=certificate))
        urls = {"http": f"http://{HOST}:{plain}/", "https": f"https://{HOST}:{secure}/"}
        probe = partial(_probed, stage, certificate)
        variants: dict[str, Variant] = {
            "http": lambda: probe(urls["http"], by="own", fresh=True),
            "https": lambda: probe(urls["https"], by="own", fresh=True),
            "https_kept": lambda: probe(urls["https"], by="own", fresh=False),
            "twin": lambda: probe(urls["http"], by="httpx", fresh=True),
        }
        if stage.peers.blackbox is not None:
            port, blackbox = stack.enter_context(_blackbox(stage, certificate))
            for module, url in urls.items():
                path = f"/probe?module={module}&target={quote(url, safe='')}"
                call = Call(port, path, {}, connections=AT_ONCE)
                _check_success(call)
                variants[f"{module}_peer"] = partial(ask, stage, call, server=blackbox)
        yield variants


def _probed(stage: Stage, certificate: Path, url: str, *, by: str, fresh: bool) -> Sample:
    output = stage.state.root / "probed.json"
    config = {
        "by": by,
        "url": url,
        "fresh": fresh,
        "seconds": 1.0,
        "authority": str(certificate),
        "output": str(output),
    }
    with watched() as used:
        stage.run("bench.probing", config, cores=SERVER)
    told = json.loads(output.read_text("utf-8"))
    check(told["wrong"] == 0, f"{url} by {by}: {told['wrong']} of {told['done']} probes failed")
    cpu = {"server": told["cpu"]}
    return Sample(told["done"], told["seconds"], cpu, used.foreign)


def _beside_ratios(medians: Mapping[str, Sample]) -> Iterator[Row]:
    for name, peer_name in (("http", "http"), ("https", "https"), ("https_kept", "https")):
        ours, peer = medians.get(name), medians.get(f"{peer_name}_peer")
        if ours is None or peer is None:
            yield Row(f"probe_{name}", None, "")
            continue
        detail = f"{1 / ours.cost():,.0f} a core-second; blackbox {1 / peer.cost():,.0f}"
        yield Row(f"probe_{name}", peer.cost() / ours.cost(), detail, ours.foreign)
    if medians:
        ratio = medians["twin"].cost() / medians["http"].cost()
        detail = f"httpx {1 / medians['twin'].cost():,.0f} a core-second"
        yield Row("probe_twin", ratio, detail, medians["http"].foreign)


@contextmanager
def target(stage: Stage, *, plain: int, secure: int, certificate: Path) -> Iterator[None]:
    """nginx with what is probed, beside the other servers."""
    assert stage.peers is not None
    folder = stage.state.root / f"target-{plain}"
    folder.mkdir()
    given = {
        "folder": folder,
        "user": "user root;" if os.geteuid() == 0 else "",
        "plain": plain,
        "secure": secure,
        "certificate": certificate,
    }
    file = _filled("target.conf", folder, given)
    command: list[str | Path] = [stage.peers.nginx, "-e", folder / "error.log", "-c", file]
    with stage.program(command, name="target", cores=OTHERS):
        await_listener(plain)
        yield


@contextmanager
def _blackbox(stage: Stage, certificate: Path) -> Iterator[tuple[int, int]]:
    """Its port and its process, on the core of what is measured."""
    assert stage.peers is not None
    assert stage.peers.blackbox is not None
    port = free_port()
    file = _filled("blackbox.yml", stage.state.root, {"certificate": certificate})
    command: list[str | Path] = [
        "/usr/bin/env", "GOMAXPROCS=1", stage.peers.blackbox, f"--config.file={file}",
        f"--web.listen-address={HOST}:{port}", "--log.level=error",
    ]  # fmt: skip
    with stage.program(command, name="blackbox", cores=SERVER) as process:
        await_listener(port)
        yield port, process.pid


def _filled(template: str, folder: Path, given: Mapping[str, object]) -> Path:
    text = (PEERS / template).read_text("utf-8")
    for name, value in given.items():
        text = text.replace(f"{{{name}}}", str(value))
    file = folder / template
    file.write_text(text, "utf-8")
    return file


def _check_success(call: Call) -> None:
    connection = http.client.HTTPConnection(HOST, call.port, timeout=10)
    try:
        connection.request("GET", call.path)
        told = connection.getresponse().read()
        check(b"\nprobe_success 1\n" in told, f"blackbox: {told[-500:]!r}")
    finally:
        connection.close()


def _write_certificate(file: Path) -> Path:
    """One for loopback that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), False)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


# --- ten thousand endpoints -----------------------------------------------------------------------


@contextmanager
def _watching(stage: Stage) -> Iterator[Mapping[str, Variant]]:
    """The real service with its own database; each endpoint is a host of its own on loopback."""
    if stage.peers is None:
        yield {}
        return
    plain = free_port()
    certificate = _write_certificate(stage.state.root / "watched.pem")
    stage.sql(_SEED.rstrip().rstrip(";"), ENDPOINTS)
    stage.sql(_PROBES, plain, INTERVAL)
    for each in (_STANDINGS, _SIGHTS):
        stage.sql(each)
    settings = {"PROBE_NETWORKS": '["127.0.0.0/8"]'}
    with (
        target(stage, plain=plain, secure=free_port(), certificate=certificate),
        stage.component("monitoring", settings) as monitoring,
    ):
        _await_round(stage)
        yield {"watch": partial(_watched, stage, monitoring)}


def _await_round(stage: Stage) -> None:
    """Every endpoint was probed once, so that the connections stand."""
    statement = "select count(distinct probe_id) as seen from monitoring.samples"
    seen = lambda: stage.sql(statement)[0]["seen"] >= ENDPOINTS  # noqa: E731 said once, used once
    check(wait_until(seen, seconds=3 * INTERVAL), "not every endpoint was probed")


def _watched(stage: Stage, monitoring: int) -> Sample:
    begun = datetime.now(UTC)
    with watched(monitoring=monitoring, postgres=stage.postgres) as used:
        time.sleep(LOOKED_AT)
    ended = datetime.now(UTC)
    time.sleep(1.5)  # what was seen last is stored by then
    [row] = stage.sql(_SEEN, begun, ended)
    wanted = ENDPOINTS * LOOKED_AT / INTERVAL
    check(row["stored"] > 0.95 * wanted, f"{row['stored']} of {wanted:.0f} samples")
    check(row["passed"] == row["stored"], f"{row['stored'] - row['passed']} probes failed")
    return used.sample(row["stored"], p50=_memory(monitoring), p99=row["p99"])


def _memory(pid: int) -> float:
    """MiB that the process holds."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    )
    return int(fields["VmRSS"].split()[0]) / 1024


def _watch_ratios(medians: Mapping[str, Sample]) -> Iterator[Row]:
    seen = medians.get("watch")
    if seen is None:
        for name in ("probe_share", "probe_lag", "probe_memory"):
            yield Row(name, None, "")
        return
    assert seen.p50 is not None
    assert seen.p99 is not None
    share, postgres = seen.busy("monitoring"), seen.busy("postgres")
    detail = f"{seen.rate:,.0f} probes/s; Postgres {postgres:.3f} of a core"
    yield Row("probe_share", share, detail, seen.foreign)
    yield Row("probe_lag", seen.p99 / TICK, f"p99 {seen.p99:.1f} ms", seen.foreign)
    yield Row("probe_memory", seen.p50, f"{ENDPOINTS:,} endpoints", seen.foreign)


CASES = (Case("probe", _beside, _beside_ratios),)
AT_SIZE = (Case("watch", _watching, _watch_ratios, rounds=1),)
