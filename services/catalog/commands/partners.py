"""Partners: followed, put in touch with the operator, taken off as a whole (A15)."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import select

from services.catalog.commands.listings import delist_all
from services.catalog.commands.register import refuse
from services.catalog.errors import OrganisationUnknown, PartnerUnlisted
from services.catalog.rules.partners import PartnerState
from services.catalog.rules.register import OrganisationKind
from services.catalog.schemas.partners import LiaisonInput
from services.catalog.tables import Organisation, Partner, ResponsiblePerson
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.catalog import PartnerLiaisonNamed
from shared.events.filing import PartnerApproved, PartnerForcedOut


async def follow_approval(tx: Transaction, event: PartnerApproved) -> None:
    """Know a partner that may be listed, or for how much longer; what left stays out (A15.2)."""
    organisation = await tx.session.get(Organisation, event.partner_id)
    if organisation is None:
        raise OrganisationUnknown(event.partner_id)
    partner = await _lock(tx, event.partner_id)
    if partner is None:
        partner = Partner(
            organisation_id=event.partner_id,
            region=organisation.region,
            state=PartnerState.ACTIVE,
            version=0,
        )
        tx.session.add(partner)
    if partner.state == PartnerState.FORCED_OUT or partner.filing_id == event.filing_id:
        return
    partner.supervising_organisation = event.supervising_organisation
    partner.valid_until, partner.filing_id = event.valid_until, event.filing_id
    partner.version += 1


async def force_out(tx: Transaction, event: PartnerForcedOut) -> None:
    """Take all that a partner has listed off, announced by one notice, as one change (A15.5)."""
    partner = await _lock(tx, event.partner_id)
    if partner is not None:
        if partner.state == PartnerState.FORCED_OUT:
            return
        partner.state, partner.forced_out_at = PartnerState.FORCED_OUT, event.decided_at
        partner.version += 1
    organisation = await tx.session.get(Organisation, event.partner_id)
    if organisation is None:
        raise OrganisationUnknown(event.partner_id)
    await delist_all(
        tx,
        organisation,
        filing_id=event.filing_id,
        decided_at=event.decided_at,
    )


async def name_liaison(tx: Transaction, partner_id: str, given: LiaisonInput) -> Partner:
    """Name the pair; `references_wrong` (422) where one is not a person of that side (A15.3)."""
    partner = await _lock(tx, partner_id)
    if partner is None:
        raise PartnerUnlisted(id=partner_id)
    tx.expect(partner.version)
    rows = await tx.session.execute(
        select(ResponsiblePerson, Organisation.kind)
        .join(Organisation, Organisation.id == ResponsiblePerson.organisation_id)
        .where(ResponsiblePerson.id.in_([given.partner_person_id, given.operator_person_id]))
    )
    persons = {person.id: (person, kind) for person, kind in rows}
    today = tx.now.astimezone(SHANGHAI).date()
    refuse(
        [
            *_unfit("partner_person_id", persons.get(given.partner_person_id), today, partner_id),
            *_unfit("operator_person_id", persons.get(given.operator_person_id), today, None),
        ]
    )
    partner.partner_person_id = given.partner_person_id
    partner.operator_person_id = given.operator_person_id
    partner.version += 1
    tx.emit(
        PartnerLiaisonNamed(
            partner_id=partner_id,
            partner_person_id=given.partner_person_id,
            operator_person_id=given.operator_person_id,
        ),
        subject=f"partner:{partner_id}",
        region=partner.region,
    )
    return partner


def _unfit(
    member: str,
    found: tuple[ResponsiblePerson, str] | None,
    today: date,
    organisation: str | None,
) -> Iterable[FieldError]:
    """A person on duty today, of that organisation or, without one, of the operator."""
    person, kind = found or (None, "")
    fits = (
        person is not None
        and person.valid_from <= today
        and (person.valid_to is None or person.valid_to >= today)
        and (
            kind == OrganisationKind.OPERATOR
            if organisation is None
            else person.organisation_id == organisation
        )
    )
    if not fits:
        yield FieldError(member, "liaison_unfit")


async def _lock(tx: Transaction, partner_id: str) -> Partner | None:
    partner: Partner | None = await tx.session.scalar(
        select(Partner).where(Partner.organisation_id == partner_id).with_for_update()
    )
    return partner
