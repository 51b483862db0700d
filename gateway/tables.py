"""The gateway's own schema: API clients and their secrets, signing keys, routes."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, ForeignKey, Integer, Sequence, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from gateway.limits_store import add_lease_table
from shared.database import schema_metadata
from shared.messaging.tables import add_toolbox_tables

metadata = schema_metadata("gateway")
add_toolbox_tables(metadata)
add_lease_table(metadata)


ENTRY_REVISIONS = Sequence("entry_revisions", metadata=metadata)
STANDING_REVISIONS = Sequence("standing_revisions", metadata=metadata)


class Table(DeclarativeBase):
    metadata = metadata
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        list[str]: ARRAY(Text),
        dict[str, Any]: JSONB,
        str: Text,
    }


class ApiClient(Table):
    """A system that may ask for tokens, for one organisation in one role and region.

    Tokens issued up to `void_before` are refused.
    """

    __tablename__ = "api_clients"

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(index=True)
    role: Mapped[str]
    region: Mapped[str]
    scopes: Mapped[list[str]]
    groups: Mapped[list[str]]
    jwks: Mapped[dict[str, Any] | None]
    state: Mapped[str]
    version: Mapped[int] = mapped_column(Integer)
    registered_at: Mapped[datetime]
    suspended_at: Mapped[datetime | None]
    suspended_reason: Mapped[str | None]
    void_before: Mapped[datetime | None] = mapped_column(index=True)
    clearance_due: Mapped[date | None]
    secrets: Mapped[list["ClientSecret"]] = relationship(
        lazy="raise", order_by="ClientSecret.created_at.desc()"
    )


class ClientSecret(Table):
    """The keyed hash of a secret; the one before the last ends after its grace (G5)."""

    __tablename__ = "client_secrets"

    stored: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey(ApiClient.id), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class UsedAssertion(Table):
    """A client assertion that was taken once; kept until it would expire anyway (RFC 7523)."""

    __tablename__ = "used_assertions"

    client_id: Mapped[str] = mapped_column(primary_key=True)
    jti: Mapped[str] = mapped_column(primary_key=True)
    replay_until: Mapped[datetime] = mapped_column(index=True)


class SigningKeySet(Table):
    """The two live signing keys, encrypted; one row, versioned."""

    __tablename__ = "signing_keys"

    name: Mapped[str] = mapped_column(primary_key=True)
    envelope: Mapped[str]
    version: Mapped[int] = mapped_column(Integer)
    rotated_at: Mapped[datetime]
    previous_until: Mapped[datetime | None]


class SigningKeyStamp(Table):
    """When a token last named a signing key (G5)."""

    __tablename__ = "signing_key_stamps"

    kid: Mapped[str] = mapped_column(primary_key=True)
    last_used_at: Mapped[datetime]


class RouteVersion(Table):
    """One version of the route table: a release's rows (`base`) with the rules set on top (G4)."""

    __tablename__ = "route_versions"

    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    base: Mapped[str]
    digest: Mapped[str]
    routes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    rules: Mapped[dict[str, Any]]
    reason: Mapped[str]
    set_by: Mapped[str]
    set_at: Mapped[datetime]


class LogOnlyFinding(Table):
    """Calls of one client that a log-only rule would have refused (G1)."""

    __tablename__ = "log_only_findings"

    operation: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    role: Mapped[str]
    calls: Mapped[int] = mapped_column(BigInteger)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


class PersonGrant(Table):
    """The permission groups of a person of the operator; its token comes from elsewhere (A9.2).

    A `sub` names a person for its issuer alone; without one it is of the only issuer there is.
    """

    __tablename__ = "person_grants"

    issuer: Mapped[str] = mapped_column(primary_key=True, server_default="")
    subject: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    groups: Mapped[list[str]]
    version: Mapped[int] = mapped_column(Integer)
    granted_at: Mapped[datetime]
    granted_by: Mapped[str]
    revision: Mapped[int] = mapped_column(BigInteger, STANDING_REVISIONS, index=True)


class Clearance(Table):
    """What filing has told of a background check, by a person's or a client's id (A21.3)."""

    __tablename__ = "clearances"

    subject: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    filing_id: Mapped[UUID | None]
    valid_from: Mapped[date]
    valid_until: Mapped[date]
    revoked: Mapped[bool]
    told_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(BigInteger, STANDING_REVISIONS, index=True)


class EntryPoint(Table):
    """What the gateway knows of a listing: where calls go, or why they do not (G6, C8)."""

    __tablename__ = "entry_points"

    listing_id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    entry_url: Mapped[str]
    notice_id: Mapped[str | None]
    changed_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(BigInteger, ENTRY_REVISIONS, index=True)
