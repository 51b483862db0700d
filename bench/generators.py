"""Who asks: wrk where it is installed, else our own client; pgbench for Postgres."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.harness import OTHERS, SERVER, Sample, check, on_cores, quantile, reaped, watched
from bench.peers import Peers
from bench.stage import Stage
from deploy.local.place import HOST

_WRK_DONE = re.compile(r"(\d+) requests in ([\d.]+)(ms|s)")
_WRK_LATENCY = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)$", re.MULTILINE)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_PGBENCH_DONE = re.compile(r"actually processed: (\d+)")
_PGBENCH_FAILED = re.compile(r"failed transactions: (\d+)")
_PGBENCH_RATE = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


@dataclass(frozen=True)
class Call:
    """One request that is asked again and again; every answer must have `status`.

    `may_shed`: a 503 is no answer either, but it is not wrong.
    """

    port: int
    path: str
    headers: Mapping[str, str]
    method: str = "GET"
    body: str = ""
    status: int = 200
    connections: int = 32
    seconds: float = 1.0
    may_shed: bool = False

    def head(self) -> str:
        fields = {"Host": f"{HOST}:{self.port}", **self.headers}
        if self.body:
            fields["Content-Length"] = str(len(self.body.encode().replace(b"{key}", b"k" * 32)))
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{n}: {v}" for n, v in fields.items())]
        return "\r\n".join([*lines, "", ""])


def ask(stage: Stage, call: Call, *, own: bool = False, **trees: int) -> Sample:
    """One round of the call, while the CPU of `trees` is watched."""
    if stage.peers is None or own or call.method != "GET":
        return _ask_ourselves(stage, call, trees)
    return _ask_by_wrk(stage.peers, call, trees)


def _ask_by_wrk(peers: Peers, call: Call, trees: Mapping[str, int]) -> Sample:
    fields = [part for name, value in call.headers.items() for part in ("-H", f"{name}: {value}")]
    with on_cores(OTHERS), watched(**trees) as used:
        said = subprocess.run(
            [
                peers.wrk,
                "--latency",
                "-t1",
                f"-c{call.connections}",
                f"-d{call.seconds:.0f}s",
                *fields,
                f"http://{HOST}:{call.port}{call.path}",
            ],
            env=dict(peers.environ),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    found = _WRK_DONE.search(said)
    wrong = "Non-2xx" in said or "Socket errors" in said
    check(found is not None and not wrong, f"wrk on {call.path}: {said}")
    assert found is not None
    latency = {share: float(n) * _SECONDS[unit] for share, n, unit in _WRK_LATENCY.findall(said)}
    sample = used.sample(int(found[1]), p50=latency["50"], p99=latency["99"])
    return _over(sample, float(found[2]) * _SECONDS[found[3]])


def _ask_ourselves(stage: Stage, call: Call, trees: Mapping[str, int]) -> Sample:
    output = stage.state.root / "load.json"
    config = {
        "host": HOST,
        "port": call.port,
        "request": call.head(),
        "body": call.body,
        "connections": call.connections,
        "seconds": call.seconds,
        "output": str(output),
    }
    with watched(**trees) as used:
        stage.run("bench.load", config, cores=OTHERS)
    told = json.loads(output.read_text("utf-8"))
    allowed = {str(call.status), "503"} if call.may_shed else {str(call.status)}
    done = told["statuses"].get(str(call.status), 0)
    right = done and allowed.issuperset(told["statuses"]) and not told["failures"]
    check(bool(right), f"{call.method} {call.path}: {told['statuses']} {told['failures']}")
    sample = used.sample(done, p50=told["p50"], p99=told["p99"])
    return _over(sample, told["seconds"])


def _over(sample: Sample, seconds: float) -> Sample:
    """The generator's own time: its start and end belong to nobody's rate."""
    return replace(sample, seconds=seconds)


# --- pgbench --------------------------------------------------------------------------------------


def pgbench(
    stage: Stage,
    script: Path,
    *,
    clients: int,
    seconds: int = 2,
    log: bool = False,
    role: str | None = None,
    scope: Mapping[str, str] | None = None,
) -> Sample:
    """Prepared statements over held connections: CPU of Postgres (`postgres`) and of pgbench
    (`client`). `log` keeps each latency, for the quantiles; `role` and `scope` as of `Stage`.

    What it costs to connect is measured by itself and taken off: a service's pool stands.
    """
    arguments = ("-M", "prepared", "-c", str(clients), "-j", "1", "-f", str(script))
    run = partial(_pgbench, stage, role=role, scope=scope)
    connecting, _ = run(*arguments, "-t", "1")
    prefix = stage.state.root / "pgbench-log"
    logged = ("--log", f"--log-prefix={prefix}") if log else ()
    sample, rate = run(*arguments, *logged, "-T", str(seconds))
    latencies = sorted(_latencies(prefix))
    return replace(
        sample,
        done=sample.done - connecting.done,
        seconds=(sample.done - connecting.done) / rate,
        cpu={name: sample.cpu[name] - connecting.cpu[name] for name in sample.cpu},
        p50=quantile(latencies, 0.5) if latencies else None,
        p99=quantile(latencies, 0.99) if latencies else None,
    )


def _pgbench(
    stage: Stage, *arguments: str, role: str | None, scope: Mapping[str, str] | None
) -> tuple[Sample, float]:
    """One run, and its rate without the time to connect."""
    with watched(postgres=stage.postgres) as used, reaped() as client:
        said = stage.pgbench(*arguments, role=role, scope=scope, cores=SERVER).stdout
    used.cpu |= client.cpu
    done, failed, rate = (
        pattern.search(said) for pattern in (_PGBENCH_DONE, _PGBENCH_FAILED, _PGBENCH_RATE)
    )
    check(bool(done and failed and rate and failed[1] == "0"), f"pgbench: {said}")
    assert done is not None
    assert rate is not None
    return used.sample(int(done[1])), float(rate[1])


def _latencies(prefix: Path) -> list[float]:
    """Seconds of each transaction: the third field of pgbench's log is microseconds."""
    found: list[float] = []
    for file in prefix.parent.glob(f"{prefix.name}.*"):
        found += [int(line.split()[2]) / 1e6 for line in file.read_text("ascii").splitlines()]
        file.unlink()
    return found
