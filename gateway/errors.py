"""What the gateway refuses."""

from typing import ClassVar

from shared.errors import (
    BadGateway,
    BadRequest,
    Conflict,
    DomainError,
    Gone,
    Invalid,
    NotFound,
    Unauthenticated,
    Unavailable,
)


class ClientNotFound(NotFound):
    code = "client_not_found"


class ClientExists(Conflict):
    code = "client_exists"


class ClientStateWrong(Conflict):
    code = "client_state_wrong"


class OwnClient(Conflict):
    """Whoever suspends it would cut themselves off."""

    code = "own_client"


class ScopeUnknown(Invalid):
    code = "scope_unknown"


class RoleRegionMismatch(Invalid):
    code = "role_region_mismatch"


class ClientKeysInvalid(Invalid):
    code = "client_keys_invalid"


class GroupsNotForRole(Invalid):
    """Permission groups are the operator's (A9.2)."""

    code = "groups_not_for_role"


class PersonGrantExists(Conflict):
    code = "person_grant_exists"


class PersonGrantNotFound(NotFound):
    code = "person_grant_not_found"


class IssuerUnknown(Invalid):
    """None of the issuers of persons that the settings allow."""

    code = "issuer_unknown"


class IssuerMissing(Invalid):
    """Several issuers give out persons' tokens, and a `sub` alone names nobody."""

    code = "issuer_missing"


class OAuthRefusal(DomainError):
    """A refusal of the token endpoint: RFC 6749 §5.2 fixes its form and its words.

    `word` is the standard's, where the code says more.
    """

    word: ClassVar[str] = ""


class InvalidClient(OAuthRefusal, Unauthenticated):
    code = "invalid_client"


class UnsupportedGrantType(OAuthRefusal, BadRequest):
    code = "unsupported_grant_type"


class InvalidTokenRequest(OAuthRefusal, BadRequest):
    code = "invalid_request"


class InvalidScope(OAuthRefusal, BadRequest):
    code = "invalid_scope"


class TokenNotCleared(OAuthRefusal, BadRequest):
    """A privileged client without a valid clearance record gets no token (A21.3)."""

    code = "clearance_missing"
    word = "unauthorized_client"


class ConsumerNotFound(NotFound):
    code = "event_consumer_not_found"


class ConsumerExists(Conflict):
    code = "event_consumer_exists"


class FilterInvalid(Invalid):
    code = "event_filter_invalid"


class BrokerAway(Unavailable):
    code = "broker_away"


class EventSchemaUnknown(NotFound):
    code = "event_schema_unknown"


class EntryUnknown(NotFound):
    code = "entry_unknown"


class EntryAddressRefused(BadGateway):
    """The entry's host resolves to an address that is not public and not allow-listed."""

    code = "entry_address_refused"


class EntrySuspended(Unavailable):
    code = "entry_suspended"
    members = ("notice_id",)


class EntryDelisted(Gone):
    code = "entry_delisted"
    members = ("notice_id",)


class ProblemTypeUnknown(NotFound):
    code = "problem_type_unknown"


class RouteChangeInvalid(Invalid):
    code = "route_change_invalid"


class RouteRulesOverdue(Conflict):
    """A log-only rule is past its day: it is decided on before anything else changes."""

    code = "route_rules_overdue"
    members = ("operations",)


class RouteVersionNotFound(NotFound):
    code = "route_version_not_found"
