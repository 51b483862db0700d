"""The gateway before a service that costs nothing: kept pages, packed pages, calls passed on."""

import base64
import gzip
import http.client
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.cases import Case
from bench.generators import Call, ask
from bench.harness import OTHERS, SERVER, Row, Sample, Variant, check
from bench.seed import seed_listings
from bench.stage import PEERS, Stage, await_listener
from deploy.local.place import BOOTSTRAP_CLIENT, HOST
from deploy.local.state import free_port
from gateway.settings import SERVICES

KEPT, PASSED = "/v1/listings?limit=10", "/v1/filings"
PAGE_BYTES = 10_300  # of listings as the public sees them
GZIP = {"Accept-Encoding": "gzip"}
FILLS = 2e-6  # seconds of the service's CPU per call: above it the pages were not kept
# The province may set any limit; the bench sets what no generator reaches.
_LIMITS = """
    insert into gateway.policies
        (key, version, value, unit, source, clause, effective_from, set_by, set_at)
    select 'client_' || name, 2, to_jsonb(value), 'count', 'bench', 'A4.1', date '2025-08-04',
        'bench', now()
    from (values ('burst', 100000000), ('per_minute', 1000000000), ('per_month', 1000000000))
        as wanted(name, value);
"""


@contextmanager
def _serving(stage: Stage) -> Iterator[Mapping[str, Variant]]:
    seed_listings(stage)
    stage.sql(_LIMITS)
    page = stage.state.root / "page.json"
    body = _write_page(stage, page)
    with ExitStack() as stack:
        port = free_port()
        upstream = stack.enter_context(_upstream(stage, page, port))
        url = f"http://{HOST}:{port}"
        services = json.dumps(dict.fromkeys(SERVICES, url))
        gateway = stack.enter_context(stage.component("gateway", {"UPSTREAMS": services}))
        twin_port, twins = stack.enter_context(stage.twins(page, upstream=url))
        token = {"Authorization": f"Bearer {_token(stage)}"}
        kept = Call(stage.place.ports["gateway"], KEPT, token)
        calls = {
            "hit": kept,
            "gzip": replace(kept, headers=token | GZIP),
            "miss": replace(kept, path=PASSED),
        }
        trees = {"gateway": gateway, "upstream": upstream}
        variants: dict[str, Variant] = {
            name: partial(_asked, stage, name, call, body, trees) for name, call in calls.items()
        }
        own = Call(twin_port, "/bytes", {})
        variants["hit_twin"] = partial(ask, stage, own, server=twins)
        variants["miss_twin"] = partial(ask, stage, replace(own, path=PASSED), server=twins)
        if stage.peers is not None:
            cached, passed, nginx = stack.enter_context(_nginx(stage, port))
            peers = {
                "hit_nginx": replace(kept, port=cached),
                "gzip_nginx": replace(calls["gzip"], port=cached),
                "miss_nginx": replace(calls["miss"], port=passed),
            }
            for name, call in peers.items():
                _check_body(call, body)
                variants[name] = partial(ask, stage, call, server=nginx)
        yield variants


def _asked(stage: Stage, name: str, call: Call, body: bytes, trees: Mapping[str, int]) -> Sample:
    """One round, with a look at what comes before it and at what the service had to do."""
    _check_body(call, body)
    sample = ask(stage, call, gateway=trees["gateway"], upstream=trees["upstream"])
    if name != "miss":
        filled = sample.cost("upstream")
        check(filled < FILLS, f"{name}: the service was asked ({filled * 1e6:.0f} µs a call)")
    return sample


def _ratios(medians: Mapping[str, Sample]) -> Iterator[Row]:
    for name in ("hit", "gzip", "miss"):
        ours, peer = medians[name], medians.get(f"{name}_nginx")
        detail = f"{ours.rate:,.0f}/s, {ours.cost('gateway') * 1e6:.0f} µs"
        ratio = None
        if peer is None:
            detail += ", asked by bench/load.py"
        else:
            ratio = peer.cost("server") / ours.cost("gateway")
            detail += f"; nginx {peer.rate:,.0f}/s, {peer.cost('server') * 1e6:.0f} µs"
        row = {"hit": "gateway_hit", "gzip": "gateway_hit_gzip", "miss": "gateway_miss"}[name]
        yield Row(row, ratio, detail, ours.foreign)
    hit, nginx = medians["hit"], medians.get("hit_nginx")
    assert hit.p99 is not None
    p99 = hit.p99 / nginx.p99 if nginx is not None and nginx.p99 is not None else None
    detail = f"{hit.p99 * 1e3:.1f} ms"
    yield Row("gateway_hit_p99", p99, detail, hit.foreign, busy=hit.busy("gateway"))
    for name in ("hit", "miss"):
        twin = medians[f"{name}_twin"].cost("server")
        ratio = twin / medians[name].cost("gateway")
        yield Row(f"gateway_{name}_twin", ratio, f"twin {twin * 1e6:.0f} µs", hit.foreign)


# --- what stands around ---------------------------------------------------------------------------


def _write_page(stage: Stage, file: Path) -> bytes:
    """As many listings as make the page that the goals were set with."""
    items: list[str] = []
    for row in stage.sql("select doc from catalog.listings order by id limit 20"):
        if items and sum(map(len, map(str.encode, [*items, row["doc"]]))) > PAGE_BYTES:
            break
        items.append(row["doc"])
    body = f'{{"items":[{",".join(items)}],"next_cursor":null,"total":{len(items)}}}'.encode()
    file.write_bytes(body)
    return body


@contextmanager
def _upstream(stage: Stage, page: Path, port: int) -> Iterator[int]:
    if stage.peers is None:
        config = {"port": port, "page": str(page)}
        with stage.child("bench.peers.upstream", config, cores=OTHERS) as process:
            await_listener(port)
            yield process.pid
        return
    with _configured(stage, "upstream.conf", OTHERS, port=port, page=page) as pid:
        await_listener(port)
        yield pid


@contextmanager
def _nginx(stage: Stage, upstream: int) -> Iterator[tuple[int, int, int]]:
    """The port that keeps, the port that passes on, and the process."""
    cached, passed = free_port(), free_port()
    ports = {"cached": cached, "passed": passed, "upstream": upstream}
    with _configured(stage, "nginx.conf", SERVER, **ports) as pid:
        await_listener(cached)
        yield cached, passed, pid


@contextmanager
def _configured(stage: Stage, template: str, cores: set[int], **values: object) -> Iterator[int]:
    assert stage.peers is not None
    folder = stage.state.root / template.removesuffix(".conf")
    folder.mkdir()
    # as root nginx would serve as an account that cannot enter this folder
    given = {"folder": folder, "user": "user root;" if os.geteuid() == 0 else "", **values}
    text = (PEERS / template).read_text("utf-8")
    for name, value in given.items():
        text = text.replace(f"{{{name}}}", str(value))
    file = folder / template
    file.write_text(text, "utf-8")
    command: list[str | Path] = [stage.peers.nginx, "-e", folder / "error.log", "-c", file]
    with stage.program(command, name=file.stem, cores=cores) as process:
        yield process.pid


def _token(stage: Stage) -> str:
    secret = stage.place.bootstrap_secret_file.read_text("utf-8").strip()
    basic = base64.b64encode(f"{BOOTSTRAP_CLIENT}:{secret}".encode()).decode()
    call = Call(
        stage.place.ports["gateway"],
        "/oauth2/token",
        {
            "Authorization": f"Basic {basic}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        method="POST",
        body="grant_type=client_credentials",
    )
    answer = json.loads(_answer(call))
    token: str = answer["access_token"]
    return token


def _check_body(call: Call, body: bytes) -> None:
    """Twice: the first may be what fills the cache."""
    for _ in range(2):
        check(_answer(call) == body, f"{call.path} on {call.port} gives another body")


def _answer(call: Call) -> bytes:
    connection = http.client.HTTPConnection(HOST, call.port, timeout=10)
    try:
        connection.request(call.method, call.path, call.body.encode() or None, dict(call.headers))
        answer = connection.getresponse()
        body = answer.read()
        check(answer.status == call.status, f"{call.path}: {answer.status} {body[:300]!r}")
        packed = answer.headers.get("content-encoding") == "gzip"
        check(packed == ("Accept-Encoding" in call.headers), f"{call.path}: packed is {packed}")
        return gzip.decompress(body) if packed else body
    finally:
        connection.close()


CASES = (Case("gateway", _serving, _ratios),)
