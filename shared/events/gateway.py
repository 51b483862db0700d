"""The facts that the gateway tells about its API clients."""

from shared.events.envelope import Event


class ClientRegistered(Event, type="gateway.client_registered.v1"):
    """Aggregate `client:<id>`."""

    client_id: str
    organisation_id: str
    role: str
    scopes: list[str]


class ClientSecretRotated(Event, type="gateway.client_secret_rotated.v1"):
    """Aggregate `client:<id>`."""

    client_id: str


class ClientSuspended(Event, type="gateway.client_suspended.v1"):
    """Aggregate `client:<id>`: its tokens are refused from now on."""

    client_id: str


class ClientResumed(Event, type="gateway.client_resumed.v1"):
    """Aggregate `client:<id>`."""

    client_id: str


class ClientClosed(Event, type="gateway.client_closed.v1"):
    """Aggregate `client:<id>`: its organisation was forced out, it never comes back (A15.5)."""

    client_id: str
    organisation_id: str


class ClientGroupsGranted(Event, type="gateway.client_groups_granted.v1"):
    """Aggregate `client:<id>`: what a client of the operator may do from now on (A9.2)."""

    client_id: str
    groups: list[str]
