"""The tables of every schema beside its own: outbox, inbox, audit, idempotency keys, policies."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB


def add_toolbox_tables(metadata: MetaData) -> None:
    """Declare the toolbox tables in a service's own schema."""
    instant = DateTime(timezone=True)

    def outbox_columns() -> list[Column[object]]:
        return [
            Column("event_id", Uuid, nullable=False),
            Column("created_on", Date, nullable=False),
            Column("type", Text, nullable=False),
            Column("subject", Text, nullable=False, comment="the aggregate"),
            Column("sequence", BigInteger, nullable=False),
            Column("region", Text, nullable=False),
            Column("occurred_at", instant, nullable=False),
            Column("traceparent", Text),
            Column("data", Text, nullable=False, comment="the event's JSON, as it is published"),
        ]

    def audit_columns() -> list[Column[object]]:
        return [
            Column("at", instant, nullable=False),
            Column("actor", Text, nullable=False),
            Column("client_id", Text, nullable=False),
            Column("organisation", Text, nullable=False),
            Column("operation", Text, nullable=False),
            Column("action", Text, nullable=False),
            Column("subject", Text, nullable=False),
            Column("subject_number", BigInteger, nullable=False),
            Column("request_id", Text),
            Column("details", JSONB, nullable=False),
        ]

    # Rows that only count leave room on their page for the next number: no index is touched then.
    counting: dict[str, Any] = {"postgresql_with": {"fillfactor": 70}}
    # A larger event would be refused by the broker for ever, and hold up every one behind it.
    small = CheckConstraint("octet_length(data) <= 524288", name="data_fits_a_message")

    # Rows are marked, never deleted: the broker is disposable (reliability O5). A mark enters each
    # index anew, which is most of what relaying costs Postgres: no index is here without a reader.
    Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        *outbox_columns(),
        Column("sent_at", instant),
        Column("epoch", Text, comment="creation time of the stream that holds it"),
        Column("stream_sequence", BigInteger),
        Column("position", BigInteger, comment="order of first publishing; never changes"),
        small,
        UniqueConstraint("position"),
        Index("ix_outbox_unsent", "id", postgresql_where=text("sent_at IS NULL")),
        Index("ix_outbox_epoch", "epoch", "stream_sequence"),
    )
    Table(
        "event_archive",
        metadata,
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        *outbox_columns(),
        Column("position", BigInteger, nullable=False),
        UniqueConstraint("event_id", "created_on"),
        UniqueConstraint("position"),
    )
    Table(
        "aggregates",
        metadata,
        Column("subject", Text, primary_key=True),
        Column("sequence", BigInteger, nullable=False),
        **counting,
    )
    Table(
        "inbox",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("event_id", Uuid, primary_key=True),
        Column("received_at", instant, nullable=False, server_default=func.now()),
    )
    Table(
        "sequence_gate",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("source", Text, primary_key=True),
        Column("subject", Text, primary_key=True),
        Column("sequence", BigInteger, nullable=False),
        **counting,
    )
    Table(
        "record_cursors",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("source", Text, primary_key=True),
        Column("position", BigInteger, nullable=False, comment="read so far of its record"),
        Column("complete", Boolean, nullable=False, comment="from here on the stream has it"),
        Column("leased_until", instant, comment="one replica reads at a time"),
    )
    Table(
        "dead_letters",
        metadata,
        Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
        Column("consumer", Text, nullable=False),
        Column("event_id", Uuid, nullable=False),
        Column("source", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("stream_sequence", BigInteger, nullable=False),
        Column("envelope", Text, nullable=False),
        Column("cause", Text, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("state", Text, nullable=False, server_default="PARKED"),
        Column("version", Integer, nullable=False, server_default="1"),
        Column("parked_at", instant, nullable=False),
        Column("resolved_at", instant),
        Column("resolved_by", Text),
        UniqueConstraint("consumer", "event_id"),
        Index("ix_dead_letters_state", "state", "parked_at"),
        Index("ix_dead_letters_aggregate", "consumer", "source", "subject"),
    )
    Table(
        "idempotency_keys",
        metadata,
        Column("client_id", Text, primary_key=True),
        Column("operation", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("fingerprint", Text, nullable=False),
        Column("status", SmallInteger, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("created_at", instant, nullable=False),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )
    Table(
        "audit_pending",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        *audit_columns(),
        Column("digest", Text, nullable=False),
        comment="entries that no seal has linked yet",
    )
    Table(
        "audit_log",
        metadata,
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        *audit_columns(),
        Column("previous", Text, nullable=False),
        Column("hash", Text, nullable=False),
        Index("ix_audit_log_subject", "subject", "number"),
    )
    Table(
        "audit_head",
        metadata,
        Column("one", Boolean, primary_key=True, server_default=text("true")),
        Column("number", BigInteger, nullable=False),
        Column("hash", Text, nullable=False),
        Column("algorithm", Text, nullable=False),
    )
    Table(
        "policies",
        metadata,
        Column("key", Text, primary_key=True),
        Column("version", Integer, primary_key=True),
        Column("value", JSONB, nullable=False),
        Column("unit", Text, nullable=False),
        Column("source", Text, nullable=False),
        Column("clause", Text, nullable=False),
        Column("effective_from", Date, nullable=False),
        Column("set_by", Text, nullable=False),
        Column("set_at", instant, nullable=False),
    )
    Table(
        "calendar_days",
        metadata,
        Column("day", Date, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("name", Text, nullable=False),
    )
    Table(
        "calendar_years",
        metadata,
        Column("year", SmallInteger, primary_key=True),
        Column("status", Text, nullable=False),
        Column("source", Text, nullable=False),
        Column("version", Integer, nullable=False),
    )
