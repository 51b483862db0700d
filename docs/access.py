"""docs/access.md: the policy table as a matrix of operations and roles."""

from collections.abc import Iterable, Iterator

from docs.markdown import GENERATED, table
from shared.security.access import ANY, ENTRY, OPERATIONS, Effect, Operation, Relation
from shared.security.groups import TITLES, Group
from shared.security.identity import Role

_HEAD = """# Who may call what

Generated from the one policy table (`shared/security/access.py`), which also drives the checks, the
gateway's routes and the tests. What is not in it is refused.

A cell tells for whose records: **all**; **own** organisation; **named** on the record;
**subtree** of the region. An empty cell is a refusal (403 `operation_forbidden`). Effects: `read`;
`public read` (the same answer for everyone with a token, cached); `create` needs Idempotency-Key;
`change` needs If-Match; `decide` needs both; `open` needs no token.

"""
_GROUPS = """## The operator's permission groups

What the operator may call is divided into the groups of its mandate (A9.2, with 运维 and 安全). The
province grants them to each API client and each person of the operator; a call outside of them is
403 `group_missing` with the group named. Public reads belong to none. Which groups need a valid
clearance record (A21.3) is the policy `privileged_accounts`.

"""
_WORDS = {Relation.OWN: "own", Relation.NAMED: "named", Relation.SUBTREE: "subtree"}


def page() -> str:
    parts = [GENERATED, _HEAD]
    operations = (*OPERATIONS.values(), ENTRY)
    for service in dict.fromkeys(operation.service for operation in operations):
        rows = [each for each in operations if each.service == service]
        head = ("operation", "call", "effect", "scope", *(role.lower() for role in Role))
        parts.append(f"## {service}\n\n{table(head, map(tuple, map(_cells, rows)))}\n")
    parts.append(f"{_GROUPS}{table(('group', 'name', 'operations'), _groups(operations))}\n")
    return "".join(parts).rstrip("\n") + "\n"


def _groups(operations: Iterable[Operation]) -> Iterator[tuple[str, str, str]]:
    of: dict[Group, list[str]] = {group: [] for group in Group}
    for operation in operations:
        if operation.group is not None:
            of[operation.group].append(f"`{operation.id}`")
    for group, names in of.items():
        yield f"`{group}`", TITLES[group], ", ".join(names) or "none yet"


def _cells(operation: Operation) -> Iterator[str]:
    yield f"`{operation.id}`"
    yield f"`{operation.method} {operation.path}`"
    yield operation.effect.value
    yield f"`{operation.scope}`" if operation.scope else ""
    for role in Role:
        if operation.effect is Effect.OPEN:
            yield "open"
        else:
            yield relation_words(operation.allow.get(role))


def relation_words(relation: Relation | None) -> str:
    """`all`, or the relations in which the role may act; empty for none."""
    if relation is None:
        return ""
    if relation is ANY:
        return "all"
    return ", ".join(word for each, word in _WORDS.items() if each in relation)
