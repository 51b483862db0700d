"""What is refused about who decides, and for whom."""

from shared.errors import Conflict, Forbidden, Invalid, NotFound


class OwnFiling(Forbidden):
    """Nobody decides what they or their delegator filed, under any name (F6)."""

    code = "own_filing"


class AlreadyApproved(Conflict):
    """This person, or whom they act for, has approved this round already (F6)."""

    code = "already_approved"


class PersonRequired(Forbidden):
    """Distinct people matter here, so a system cannot act (F6)."""

    code = "person_required"


class DelegationNotFound(NotFound):
    code = "delegation_not_found"


class DelegationNotInForce(Forbidden):
    code = "delegation_not_in_force"


class DelegationOutOfScope(Forbidden):
    code = "delegation_out_of_scope"


class DelegationNotYours(Forbidden):
    code = "delegation_not_yours"


class DelegationInvalid(Invalid):
    code = "delegation_invalid"


class DelegationEnded(Conflict):
    code = "delegation_ended"
