"""The supervisor: starts all, reports when all are ready, and stops in reverse."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from deploy.local.process import is_alive, wait_until
from tests.deploy.programs import finished, python

SUPERVISED = """
    import os, signal, sys, time
    from pathlib import Path
    from deploy.local.state import LaunchError
    from deploy.local.supervisor import Child, supervise

    folder = Path(sys.argv[1])

    def serve(name, *, deaf=False, fail=None):
        def run():
            def stop(*_):
                print("stopping", name, flush=True)
                sys.exit(0)
            signal.signal(signal.SIGTERM, signal.SIG_IGN if deaf else stop)
            print("起动", name, flush=True)
            part = folder / f".{name}"
            part.write_text(str(os.getpid()))
            part.rename(folder / name)  # whoever sees the file sees all of it
            if fail is not None:
                time.sleep(0.3)
                fail()
            while True:
                time.sleep(0.05)
        return Child(name, run)

    def report():
        print("all ready", flush=True)

    def crash():
        raise ValueError("broken part")

    def ready(name):
        return (folder / name).exists()

    plans = {
        "plain": [serve("catalog"), serve("filing"), Child("page", report, task=True)],
        "deaf": [serve("catalog"), serve("filing", deaf=True)],
        "exit": [serve("catalog"), serve("filing", fail=lambda: sys.exit(7))],
        "crash": [serve("catalog"), serve("filing", fail=crash)],
        "quits": [serve("catalog"), serve("filing", fail=lambda: os._exit(0))],
        "task": [serve("catalog"), Child("page", lambda: sys.exit(3), task=True)],
        "never": [serve("catalog"), Child("filing", lambda: time.sleep(60))],
    }
    try:
        sys.exit(supervise(plans[sys.argv[2]], ready=ready, patience=2, grace=1))
    except LaunchError as error:
        print(error)
        sys.exit(2)
"""


def supervised(tmp_path: Path, plan: str) -> subprocess.Popen[str]:
    return python(SUPERVISED, tmp_path, plan)


def read_until(process: subprocess.Popen[str], text: str) -> list[str]:
    assert process.stdout is not None
    assert process.stderr is not None
    lines: list[str] = []
    while not lines or text not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    return lines


def child_ids(tmp_path: Path) -> list[int]:
    return [int(file.read_text(encoding="ascii")) for file in tmp_path.glob("[!.]*")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_supervisor_starts_all_reports_when_ready_and_stops_in_reverse(tmp_path, number):
    process = supervised(tmp_path, "plain")
    began = read_until(process, "all ready")

    os.killpg(process.pid, number)
    code, rest, errors = finished(process)

    assert (code, errors) == (0, "")
    assert sorted(began[:-1]) == ["catalog    | 起动 catalog\n", "filing     | 起动 filing\n"]
    assert began[-1] == "all ready\n"
    assert rest.splitlines() == [
        "filing     | stopping filing",
        "catalog    | stopping catalog",
    ]
    assert not any(map(is_alive, child_ids(tmp_path)))


def test_a_child_that_does_not_end_is_killed_after_its_time(tmp_path):
    process = supervised(tmp_path, "deaf")
    read_until(process, "起动 filing")
    assert wait_until(lambda: len(child_ids(tmp_path)) == 2, seconds=5)
    began = time.monotonic()

    process.send_signal(signal.SIGINT)
    code, rest, _ = finished(process)

    assert code == 1
    assert 0.9 < time.monotonic() - began < 5
    assert "filing: did not end in time, killed" in rest
    assert not any(map(is_alive, child_ids(tmp_path)))


@pytest.mark.parametrize(
    ("plan", "code", "line"),
    [
        ("exit", 7, "filing: ended with code 7"),
        ("crash", 1, "filing     | ValueError: broken part"),
        ("quits", 1, "filing: ended with code 0"),
        ("task", 3, "page: ended with code 3"),
        ("never", 2, "以下组件在 2 秒内未就绪：filing / not ready within 2 s: filing"),
    ],
)
def test_one_that_ends_or_never_gets_ready_stops_the_others(tmp_path, plan, code, line):
    seen, output, errors = finished(supervised(tmp_path, plan))

    assert (seen, errors) == (code, "")
    assert line in output.splitlines()
    assert "catalog    | stopping catalog" in output.splitlines()
    assert not any(map(is_alive, child_ids(tmp_path)))


def test_children_end_when_the_launcher_is_killed(tmp_path):
    process = supervised(tmp_path, "plain")
    read_until(process, "all ready")

    process.kill()
    finished(process)

    assert wait_until(lambda: not any(map(is_alive, child_ids(tmp_path))), seconds=5)


def test_it_refuses_to_fork_beside_a_thread():
    program = """
        import threading, time
        from deploy.local.supervisor import supervise
        threading.Thread(target=time.sleep, args=(1,)).start()
        supervise([], ready=lambda name: True)
    """

    code, _, errors = finished(python(program))

    assert code == 1
    assert "fork before any thread is started" in errors
