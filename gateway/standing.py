"""What an account may be used for beside its token: the groups of persons, and clearances.

No privileged account without a valid clearance record (A21.3): a system is refused its token, a
person, whose token comes from elsewhere, each call. What is privileged is a policy.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Self

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from gateway.errors import (
    IssuerMissing,
    IssuerUnknown,
    PersonGrantExists,
    PersonGrantNotFound,
)
from gateway.tables import STANDING_REVISIONS, Clearance, PersonGrant
from shared.clock import SHANGHAI
from shared.database import Database, Transaction
from shared.errors import FieldError, Forbidden
from shared.http.pagination import PageRequest, cut, keyset
from shared.policies import Policy
from shared.policy_rows import policy_now
from shared.security.access import Effect, Operation, check_group
from shared.security.groups import Group
from shared.security.identity import Actor, Role, system
from shared.settings import Settings

_OVERLAP: Final = 512


class ClearanceMissing(Forbidden):
    """A privileged account without a valid clearance record."""

    code = "clearance_missing"


@dataclass(frozen=True, slots=True)
class Privileged:
    """Which accounts need a clearance: whole roles, and groups of the operator's."""

    roles: frozenset[Role]
    groups: frozenset[Group]

    @classmethod
    def read(cls, words: str) -> Self:
        """`PROVINCE OPERATOR:SECURITY`; ValueError for a word that is neither role nor group."""
        roles, groups = set(), set()
        for word in words.split():
            role, colon, group = word.partition(":")
            if not colon:
                roles.add(Role(role))
            elif Role(role) is Role.OPERATOR:
                groups.add(Group(group))
            else:
                raise ValueError(f"{role} has no groups")
        return cls(frozenset(roles), frozenset(groups))

    def account(self, role: Role, groups: Iterable[str]) -> bool:
        """Whether an account of this role with these groups is privileged."""
        return role in self.roles or not self.groups.isdisjoint(groups)

    def use(self, role: Role, operation: Operation) -> bool:
        """Whether a call uses what makes an account privileged."""
        if operation.effect is Effect.PUBLIC_READ:
            return False
        return role in self.roles or (role is Role.OPERATOR and operation.group in self.groups)


@dataclass(frozen=True, slots=True)
class _Granted:
    organisation: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Cleared:
    organisation: str
    valid_from: date
    valid_until: date
    revoked: bool

    def holds(self, organisation: str, today: date) -> bool:
        return (
            not self.revoked
            and self.organisation == organisation
            and self.valid_from <= today <= self.valid_until
        )


class Standing:
    """This process's copy, refreshed twice a second; it stays when the database is away."""

    def __init__(
        self, database: Database, defaults: Sequence[Policy], *, issuers: AbstractSet[str]
    ) -> None:
        self._database = database
        self._defaults = defaults
        self._only = next(iter(issuers)) if len(issuers) == 1 else None
        self._granted: dict[tuple[str, str], _Granted] = {}
        self._cleared: dict[str, _Cleared] = {}
        self._seen = 0
        self.privileged: Privileged

    async def refresh(self) -> None:
        """Read what changed; a little further back, since revisions may commit out of order."""
        async with self._database.transaction(system("gateway")) as tx:
            since = self._seen - _OVERLAP
            for grant in await tx.session.scalars(
                select(PersonGrant).where(PersonGrant.revision > since)
            ):
                self._granted[grant.issuer, grant.subject] = _Granted(
                    grant.organisation_id, frozenset(grant.groups)
                )
                self._seen = max(self._seen, grant.revision)
            for row in await tx.session.scalars(
                select(Clearance).where(Clearance.revision > since)
            ):
                self._cleared[row.subject] = _cleared(row)
                self._seen = max(self._seen, row.revision)

    async def follow_policy(self) -> None:
        """ValueError when the policy's words cannot be read: what was known stays."""
        async with self._database.transaction(system("gateway")) as tx:
            self.privileged = await privileged(tx, self._defaults)

    def check(self, operation: Operation, person: Actor, *, issuer: str, now: datetime) -> None:
        """Refuse a person without the group, or without the clearance that the call asks for."""
        if person.role is Role.OPERATOR:
            granted = self._granted.get((issuer, person.subject))
            if granted is None and issuer == self._only:
                granted = self._granted.get(("", person.subject))
            own = granted is not None and granted.organisation == person.organisation
            check_group(operation, granted.groups if granted is not None and own else ())
        if self.privileged.use(person.role, operation):
            cleared = self._cleared.get(person.subject)
            if cleared is None or not cleared.holds(person.organisation, _day(now)):
                raise ClearanceMissing(subject=person.subject, clause="A21.3")


async def privileged(tx: Transaction, defaults: Sequence[Policy]) -> Privileged:
    policy = await policy_now(tx, defaults, "privileged_accounts")
    return Privileged.read(str(policy.value))


async def is_cleared(tx: Transaction, subject: str, *, organisation: str) -> bool:
    row = await tx.session.get(Clearance, subject)
    return row is not None and _cleared(row).holds(organisation, _day(tx.now))


# --- clearances -----------------------------------------------------------------------------------


async def record_clearance(
    tx: Transaction, subject: str, *, told_at: datetime, **values: Any
) -> None:
    """What filing has told last holds."""
    values |= {"told_at": told_at, "revision": STANDING_REVISIONS.next_value()}
    await tx.session.execute(
        insert(Clearance)
        .values(subject=subject, revoked=False, **values)
        .on_conflict_do_update(
            index_elements=[Clearance.subject], set_={"revoked": False, **values}
        )
    )


async def revoke_clearance(tx: Transaction, subject: str, *, told_at: datetime) -> bool:
    """Whether there was one that held until now."""
    row = await tx.session.get(Clearance, subject, with_for_update=True)
    if row is None or row.revoked:
        return False
    row.revoked, row.told_at = True, told_at
    row.revision = await _next_revision(tx)
    return True


# --- the groups of persons ------------------------------------------------------------------------


def issuer_of(settings: Settings, named: str | None) -> str:
    """The issuer whose person is meant; the only one need not be named.

    `issuer_unknown` or `issuer_missing` (422); empty while the settings allow none.
    """
    known = [each.issuer for each in settings.external_issuers]
    if named is not None:
        if named not in known:
            raise IssuerUnknown(
                issuer=named, errors=[FieldError("/issuer", IssuerUnknown.code, {"issuer": named})]
            )
        return named
    if len(known) > 1:
        raise IssuerMissing(errors=[FieldError("/issuer", IssuerMissing.code)])
    return known[0] if known else ""


async def grant_person(
    tx: Transaction, subject: str, *, issuer: str, organisation_id: str, groups: Iterable[Group]
) -> PersonGrant:
    earlier = select(PersonGrant.subject).where(
        PersonGrant.subject == subject, PersonGrant.issuer.in_(["", issuer])
    )
    if await tx.session.scalar(earlier) is not None:
        raise PersonGrantExists(subject=subject)
    grant = PersonGrant(
        issuer=issuer,
        subject=subject,
        organisation_id=organisation_id,
        groups=sorted(groups),
        version=1,
        granted_at=tx.now,
        granted_by=tx.actor.subject,
    )
    tx.session.add(grant)
    _audit(tx, grant)
    return grant


async def change_grant(
    tx: Transaction, subject: str, groups: Iterable[Group], *, issuer: str | None
) -> PersonGrant:
    """Other groups from now on; none is how a grant is taken back."""
    found = await get_grant(tx, subject, issuer=issuer)
    key = (found.issuer, found.subject)
    grant = await tx.session.get_one(PersonGrant, key, with_for_update=True, populate_existing=True)
    tx.expect(grant.version)
    grant.groups, grant.granted_at, grant.granted_by = sorted(groups), tx.now, tx.actor.subject
    grant.version += 1
    grant.revision = await _next_revision(tx)
    _audit(tx, grant)
    return grant


async def get_grant(tx: Transaction, subject: str, *, issuer: str | None) -> PersonGrant:
    """`person_grant_not_found` (404); `issuer_missing` (422) where several have this `sub`."""
    asked = select(PersonGrant).where(PersonGrant.subject == subject)
    if issuer is not None:
        asked = asked.where(PersonGrant.issuer == issuer)
    found = (await tx.session.scalars(asked.limit(2))).all()
    if not found:
        raise PersonGrantNotFound(subject=subject)
    if len(found) > 1:
        raise IssuerMissing(errors=[FieldError("?issuer", IssuerMissing.code)])
    return found[0]


async def grants(tx: Transaction, page: PageRequest) -> tuple[Sequence[PersonGrant], str | None]:
    statement = keyset(
        select(PersonGrant),
        page,
        columns=[PersonGrant.subject, PersonGrant.issuer],
        kinds=[str, str],
    )
    rows = (await tx.session.scalars(statement)).all()
    return cut(rows, page, lambda row: (row.subject, row.issuer))


async def _next_revision(tx: Transaction) -> int:
    return int((await tx.session.execute(select(STANDING_REVISIONS.next_value()))).scalar_one())


def _audit(tx: Transaction, grant: PersonGrant) -> None:
    details: Mapping[str, Any] = {
        "groups": grant.groups,
        "organisation": grant.organisation_id,
        "issuer": grant.issuer,
    }
    tx.audit("person.granted", subject=f"person:{grant.subject}", details=details)


def _cleared(row: Clearance) -> _Cleared:
    return _Cleared(row.organisation_id, row.valid_from, row.valid_until, row.revoked)


def _day(now: datetime) -> date:
    return now.astimezone(SHANGHAI).date()
