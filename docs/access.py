"""docs/access.md: the policy table as a matrix of operations and roles."""

from collections.abc import Iterator

from docs.markdown import GENERATED, table
from shared.security.access import ANY, ENTRY, OPERATIONS, Effect, Operation, Relation
from shared.security.identity import Role

_HEAD = """# Who may call what

Generated from the one policy table (`shared/security/access.py`), which also drives the checks, the
gateway's routes and the tests. What is not in it is refused.

A cell tells for whose records: **all**; **own** organisation; **named** on the record;
**subtree** of the region. An empty cell is a refusal (403 `operation_forbidden`). Effects: `read`;
`public read` (the same answer for everyone with a token, cached); `create` needs Idempotency-Key;
`change` needs If-Match; `decide` needs both; `open` needs no token.

"""
_WORDS = {Relation.OWN: "own", Relation.NAMED: "named", Relation.SUBTREE: "subtree"}


def page() -> str:
    parts = [GENERATED, _HEAD]
    operations = (*OPERATIONS.values(), ENTRY)
    for service in dict.fromkeys(operation.service for operation in operations):
        rows = [each for each in operations if each.service == service]
        head = ("operation", "call", "effect", "scope", *(role.lower() for role in Role))
        parts.append(f"## {service}\n\n{table(head, map(tuple, map(_cells, rows)))}\n")
    return "".join(parts).rstrip("\n") + "\n"


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
