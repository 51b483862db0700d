"""What is refused about a proposed policy."""

from shared.errors import Conflict, Forbidden, Invalid, NotFound


class ProposalNotFound(NotFound):
    code = "proposal_not_found"


class ProposalOutdated(Conflict):
    """The limit has changed since it was proposed, so its effect was shown against another."""

    code = "proposal_outdated"


class OwnProposal(Forbidden):
    """A looser limit is confirmed by another person than who proposed it (F6)."""

    code = "own_proposal"


class NoLimit(Conflict):
    """Only limits in time have running clocks to look at; other policies are set at once."""

    code = "no_limit"


class PolicyBackdated(Invalid):
    code = "policy_backdated"
