"""Nobody commits but `Transaction` and `receive`, and nothing publishes but the relay."""

import ast
from functools import cache
from pathlib import Path

from tests.architecture.components import ROOT, python_files

COMMITS = {
    "shared/database.py",  # the one transaction
    "shared/connections.py",  # the connection that it drives
    "shared/groups.py",  # what transactions leave to be committed together (ADR 0018)
    "shared/migrations/run.py",  # a migration's own connection
}
PUBLISHES = {
    "shared/messaging/relay.py",
    "shared/messaging/publishing.py",
    "shared/messaging/pulling.py",  # asks the stream for messages: no event
}
CODE = ("shared", "services", "gateway")


@cache
def calls(file: Path) -> frozenset[str]:
    """The names of the methods and functions that a file calls."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) | ast.Call(func=ast.Name(id=name)):
                names.add(name)
    return frozenset(names)


def callers(*names: str) -> set[str]:
    return {
        file.relative_to(ROOT).as_posix()
        for file in python_files(*CODE)
        if calls(file) & set(names)
    }


def test_only_the_transaction_commits():
    committing = callers("commit")
    opening = {name for name in callers("begin") if "sqlalchemy" in (ROOT / name).read_text()}

    assert committing | opening == COMMITS


def test_only_the_relay_publishes_events():
    publishing = callers("publish", "publish_async", "hpub_cmd")

    assert publishing == PUBLISHES


def test_no_endpoint_opens_a_transaction_of_its_own():
    opened = callers("transaction")

    doors = {name for name in opened if "/api" in name or name.endswith("event_handlers.py")}

    assert doors == set()


def test_only_the_transaction_writes_outbox_and_audit():
    texts = (
        "insert into outbox",
        "insert into audit_",
        "delete from audit_",
        "update outbox",
        "delete from outbox",
    )

    writing = {
        file.relative_to(ROOT).as_posix()
        for file in python_files(*CODE)
        if any(text in file.read_text("utf-8").lower() for text in texts)
    }

    assert writing == {
        "shared/telling.py",
        "shared/sealing.py",
        "shared/messaging/relay.py",
        "shared/messaging/archive.py",
    }
