"""The policy table: which role may call which operation, in which relation to the record (A4.1).

One table drives the gateway's routes, the checks in each service, the tests' matrix and the docs.
A route that is not in it fails the start; a row that no service serves fails a test.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, Flag, auto
from types import MappingProxyType

from shared.errors import Forbidden
from shared.security.groups import TITLES, Group, group_of
from shared.security.identity import Actor, Role


class Relation(Flag):
    """How the actor's organisation stands to the record."""

    OWN = auto()
    NAMED = auto()
    SUBTREE = auto()
    ANY = OWN | NAMED | SUBTREE


class Effect(Enum):
    """What a call does, and with that which preconditions it must carry."""

    READ = "read"
    PUBLIC_READ = "public read"  # the answer does not depend on the actor: it may be cached
    CREATE = "create"  # POST: Idempotency-Key
    CHANGE = "change"  # PUT, PATCH, DELETE: If-Match
    DECIDE = "decide"  # POST on a record: Idempotency-Key and If-Match
    OPEN = "open"  # no token: discovery, token endpoint, documentation


@dataclass(frozen=True, slots=True)
class Operation:
    """One row; a retiring one says since when it is deprecated and when it ends (API10)."""

    id: str
    method: str
    path: str
    service: str
    effect: Effect
    allow: Mapping[Role, Relation]
    scope: str | None = None
    deprecated: datetime | None = None
    sunset: datetime | None = None
    body_bytes: int | None = None  # where a body may be larger than the edge lets in elsewhere

    @property
    def needs_key(self) -> bool:
        return self.effect in (Effect.CREATE, Effect.DECIDE)

    @property
    def needs_match(self) -> bool:
        return self.effect in (Effect.CHANGE, Effect.DECIDE)

    @property
    def writes(self) -> bool:
        return self.effect in (Effect.CREATE, Effect.CHANGE, Effect.DECIDE)

    @property
    def group(self) -> Group | None:
        """The operator's permission group; none where it may not call, or everybody reads."""
        if Role.OPERATOR not in self.allow or self.effect in (Effect.PUBLIC_READ, Effect.OPEN):
            return None
        return group_of(self.id, self.scope)


OWN, NAMED, SUBTREE, ANY = Relation.OWN, Relation.NAMED, Relation.SUBTREE, Relation.ANY
NOBODY: Mapping[Role, Relation] = MappingProxyType({})
EVERYONE = MappingProxyType(dict.fromkeys(Role, ANY))
PROVINCE = MappingProxyType({Role.PROVINCE: ANY})
PROVINCE_AND_OPERATOR = MappingProxyType({Role.PROVINCE: ANY, Role.OPERATOR: ANY})
READERS = MappingProxyType(
    {
        Role.PROVINCE: ANY,
        Role.OPERATOR: ANY,
        Role.CITY: OWN | SUBTREE,
        Role.COUNTY: OWN,
        Role.DEPARTMENT: OWN | NAMED,
        Role.PARTNER: OWN,
    }
)
OWNERS = MappingProxyType(
    {Role.PROVINCE: ANY, Role.CITY: OWN | SUBTREE, Role.COUNTY: OWN, Role.DEPARTMENT: OWN}
)
PLANNERS = MappingProxyType(
    {Role.PROVINCE: OWN, Role.CITY: OWN, Role.COUNTY: OWN, Role.DEPARTMENT: OWN}
)
FILERS = MappingProxyType({**PLANNERS, Role.PARTNER: OWN})
ASSURERS = MappingProxyType({**FILERS, Role.PROVINCE: ANY})
DECIDERS = MappingProxyType({Role.PROVINCE: OWN, Role.DEPARTMENT: OWN})
CONFIRMERS = MappingProxyType({Role.DEPARTMENT: NAMED})


def _rows(
    service: str, *rows: tuple[str, str, str, Effect, Mapping[Role, Relation], str | None]
) -> tuple[Operation, ...]:
    return tuple(
        Operation(id_, method, path, service, effect, allow, scope)
        for id_, method, path, effect, allow, scope in rows
    )


R, P, C, U, D, O = (  # noqa: E741 one letter a column keeps the table readable
    Effect.READ,
    Effect.PUBLIC_READ,
    Effect.CREATE,
    Effect.CHANGE,
    Effect.DECIDE,
    Effect.OPEN,
)


def _toolbox(service: str) -> tuple[Operation, ...]:
    """What every service serves beside its own resources."""
    name, base = service.capitalize(), f"/v1/{service}"
    audit, events = "audit:read", "events:read"
    return _rows(
        service,
        (f"list{name}Events", "GET", f"{base}/events", R, MappingProxyType({Role.PROVINCE: ANY, Role.OPERATOR: ANY, Role.CONSOLE: ANY}), events),
        (f"list{name}DeadLetters", "GET", f"{base}/dead-letters", R, PROVINCE_AND_OPERATOR, events),
        (f"get{name}DeadLetter", "GET", f"{base}/dead-letters/{{dead_letter_id}}", R, PROVINCE_AND_OPERATOR, events),
        (f"redrive{name}DeadLetter", "POST", f"{base}/dead-letters/{{dead_letter_id}}/redrive", D, PROVINCE_AND_OPERATOR, "events:manage"),
        (f"discard{name}DeadLetter", "POST", f"{base}/dead-letters/{{dead_letter_id}}/discard", D, PROVINCE, "events:manage"),
        (f"list{name}AuditEntries", "GET", f"{base}/audit", R, PROVINCE, audit),
        (f"verify{name}Audit", "GET", f"{base}/audit/verification", R, PROVINCE, audit),
        (f"list{name}Fields", "GET", f"{base}/fields", R, PROVINCE_AND_OPERATOR, audit),
        (f"list{name}Policies", "GET", f"{base}/policies", P, EVERYONE, None),
        (f"get{name}Policy", "GET", f"{base}/policies/{{key}}", P, EVERYONE, None),
        (f"change{name}Policy", "POST", f"{base}/policies/{{key}}", D, PROVINCE, "policy:write"),
    )  # fmt: skip


# fmt: off
GATEWAY = _rows(
    "gateway",
    ("issueToken", "POST", "/oauth2/token", O, NOBODY, None),
    ("getJwks", "GET", "/oauth2/jwks", O, NOBODY, None),
    ("getAuthorizationServerMetadata", "GET", "/.well-known/oauth-authorization-server", O, NOBODY, None),
    ("getProblemType", "GET", "/problems/{code}", O, NOBODY, None),
    ("getEventSchema", "GET", "/schemas/events/{name}", O, NOBODY, None),
    ("listClients", "GET", "/v1/clients", R, PROVINCE, "client:manage"),
    ("registerClient", "POST", "/v1/clients", C, PROVINCE, "client:manage"),
    ("getClient", "GET", "/v1/clients/{client_id}", R, PROVINCE, "client:manage"),
    ("rotateClientSecret", "POST", "/v1/clients/{client_id}/secrets", D, PROVINCE, "client:manage"),
    ("suspendClient", "POST", "/v1/clients/{client_id}/suspension", D, PROVINCE, "client:manage"),
    ("resumeClient", "POST", "/v1/clients/{client_id}/resumption", D, PROVINCE, "client:manage"),
    ("grantClientGroups", "PUT", "/v1/clients/{client_id}/groups", U, PROVINCE, "client:manage"),
    ("listPersonGrants", "GET", "/v1/person-grants", R, PROVINCE, "client:manage"),
    ("grantPerson", "POST", "/v1/person-grants", C, PROVINCE, "client:manage"),
    ("getPersonGrant", "GET", "/v1/person-grants/{subject}", R, PROVINCE, "client:manage"),
    ("changePersonGrant", "PUT", "/v1/person-grants/{subject}", U, PROVINCE, "client:manage"),
    ("getSigningKeys", "GET", "/v1/signing-keys", R, PROVINCE, "client:manage"),
    ("rotateSigningKeys", "POST", "/v1/signing-keys/rotation", D, PROVINCE, "client:manage"),
    ("listRoutes", "GET", "/v1/routes", R, PROVINCE_AND_OPERATOR, "route:read"),
    ("listRouteVersions", "GET", "/v1/route-versions", R, PROVINCE_AND_OPERATOR, "route:read"),
    ("getRouteVersion", "GET", "/v1/route-versions/{version}", R, PROVINCE_AND_OPERATOR, "route:read"),
    ("changeRoutes", "POST", "/v1/route-versions", D, PROVINCE, "route:write"),
    ("restoreRoutes", "POST", "/v1/route-versions/{version}/restoration", D, PROVINCE, "route:write"),
    ("listLogOnlyFindings", "GET", "/v1/log-only-findings", R, PROVINCE_AND_OPERATOR, "route:read"),
    ("listEventConsumers", "GET", "/v1/event-consumers", R, PROVINCE_AND_OPERATOR, "events:manage"),
    ("createEventConsumer", "POST", "/v1/event-consumers", C, PROVINCE, "events:manage"),
    ("getEventConsumer", "GET", "/v1/event-consumers/{name}", R, PROVINCE_AND_OPERATOR, "events:manage"),
    ("deleteEventConsumer", "DELETE", "/v1/event-consumers/{name}", U, PROVINCE, "events:manage"),
) + _toolbox("gateway")

ZONE_KEEPERS = MappingProxyType({**PROVINCE_AND_OPERATOR, Role.DEPARTMENT: OWN})
CATALOG = _rows(
    "catalog",
    ("getRegulation", "GET", "/v1/regulation", P, EVERYONE, None),
    ("listItemTypes", "GET", "/v1/item-types", P, EVERYONE, None),
    ("listRegions", "GET", "/v1/regions", P, EVERYONE, None),
    ("listOrganisations", "GET", "/v1/organisations", P, EVERYONE, None),
    ("registerOrganisation", "POST", "/v1/organisations", C, PROVINCE, "catalog:write"),
    ("getOrganisation", "GET", "/v1/organisations/{organisation_id}", P, EVERYONE, None),
    ("updateOrganisation", "PUT", "/v1/organisations/{organisation_id}", U, PROVINCE, "catalog:write"),
    ("closeOrganisation", "DELETE", "/v1/organisations/{organisation_id}", U, PROVINCE, "catalog:write"),
    ("listResponsiblePersons", "GET", "/v1/responsible-persons", R, READERS, "person:read"),
    ("nameResponsiblePerson", "POST", "/v1/responsible-persons", C, OWNERS, "person:write"),
    ("getResponsiblePerson", "GET", "/v1/responsible-persons/{person_id}", R, READERS, "person:read"),
    ("updateResponsiblePerson", "PUT", "/v1/responsible-persons/{person_id}", U, OWNERS, "person:write"),
    ("discloseResponsiblePerson", "POST", "/v1/responsible-persons/{person_id}/disclosure", C, PROVINCE_AND_OPERATOR, "person:disclose"),
    ("listHalls", "GET", "/v1/halls", P, EVERYONE, None),
    ("registerHall", "POST", "/v1/halls", C, PROVINCE, "catalog:write"),
    ("getHall", "GET", "/v1/halls/{hall_id}", P, EVERYONE, None),
    ("updateHall", "PUT", "/v1/halls/{hall_id}", U, PROVINCE, "catalog:write"),
    ("listZones", "GET", "/v1/zones", P, EVERYONE, None),
    ("registerZone", "POST", "/v1/zones", C, PROVINCE, "catalog:write"),
    ("getZone", "GET", "/v1/zones/{zone_id}", P, EVERYONE, None),
    ("updateZone", "PUT", "/v1/zones/{zone_id}", U, ZONE_KEEPERS, "catalog:write"),
    ("listChannels", "GET", "/v1/channels", P, EVERYONE, None),
    ("registerChannel", "POST", "/v1/channels", C, OWNERS, "catalog:write"),
    ("getChannel", "GET", "/v1/channels/{channel_id}", P, EVERYONE, None),
    ("updateChannel", "PUT", "/v1/channels/{channel_id}", U, OWNERS, "catalog:write"),
    ("listAssets", "GET", "/v1/assets", R, READERS, "listing:read"),
    ("registerAsset", "POST", "/v1/assets", C, OWNERS, "catalog:write"),
    ("getAsset", "GET", "/v1/assets/{asset_id}", R, READERS, "listing:read"),
    ("updateAsset", "PUT", "/v1/assets/{asset_id}", U, OWNERS, "catalog:write"),
    ("listPartnerLiaisons", "GET", "/v1/partner-liaisons", R, READERS, "listing:read"),
    ("getPartnerLiaison", "GET", "/v1/partner-liaisons/{partner_id}", R, READERS, "listing:read"),
    ("namePartnerLiaison", "PUT", "/v1/partner-liaisons/{partner_id}", U, PROVINCE_AND_OPERATOR, "catalog:write"),
    ("listNorms", "GET", "/v1/norms", P, EVERYONE, None),
    ("issueNorm", "POST", "/v1/norms", C, PROVINCE, "catalog:write"),
    ("listListingRechecks", "GET", "/v1/listing-rechecks", R, READERS, "listing:read"),
    ("listItems", "GET", "/v1/items", P, EVERYONE, None),
    ("getItem", "GET", "/v1/items/{item_code}", P, EVERYONE, None),
    ("listListings", "GET", "/v1/listings", P, EVERYONE, None),
    ("getListing", "GET", "/v1/listings/{listing_id}", P, EVERYONE, None),
    ("listListingChanges", "GET", "/v1/listing-changes", P, EVERYONE, None),
    ("listListingVersions", "GET", "/v1/listings/{listing_id}/versions", R, READERS, "listing:read"),
    ("listListingAssurances", "GET", "/v1/listing-assurances", R, READERS, "listing:read"),
    ("getListingAssurance", "GET", "/v1/listings/{listing_id}/assurance", R, READERS, "listing:read"),
    ("setListingAssurance", "PUT", "/v1/listings/{listing_id}/assurance", U, ASSURERS, "catalog:write"),
    ("listPendingListings", "GET", "/v1/pending-listings", R, READERS, "listing:read"),
    ("listNotices", "GET", "/v1/notices", P, EVERYONE, None),
    ("listScheduledNotices", "GET", "/v1/scheduled-notices", R, PROVINCE_AND_OPERATOR, "notice:write"),
    ("getNotice", "GET", "/v1/notices/{notice_id}", P, EVERYONE, None),
    ("publishNotice", "POST", "/v1/notices", C, PROVINCE_AND_OPERATOR, "notice:write"),
    ("editNotice", "PUT", "/v1/notices/{notice_id}", U, PROVINCE_AND_OPERATOR, "notice:write"),
    ("withdrawNotice", "POST", "/v1/notices/{notice_id}/withdrawal", D, PROVINCE_AND_OPERATOR, "notice:write"),
    ("getCalendarYear", "GET", "/v1/calendar/{year}", P, EVERYONE, None),
    ("importCalendarYear", "PUT", "/v1/calendar/{year}", U, PROVINCE, "calendar:write"),
    ("listCoverage", "GET", "/v1/coverage", R, READERS, "listing:read"),
    ("listCoverageItems", "GET", "/v1/coverage-items", R, READERS, "listing:read"),
    ("listCoverageExemptions", "GET", "/v1/coverage-exemptions", R, READERS, "listing:read"),
    ("grantCoverageExemption", "POST", "/v1/coverage-exemptions", C, PROVINCE, "catalog:write"),
    ("revokeCoverageExemption", "DELETE", "/v1/coverage-exemptions/{exemption_id}", U, PROVINCE, "catalog:write"),
    ("getImportTemplate", "GET", "/v1/import-templates/{resource}", P, EVERYONE, None),
    ("startImport", "POST", "/v1/imports/{resource}", C, PROVINCE, "catalog:write"),
    ("getImport", "GET", "/v1/import-jobs/{import_id}", R, PROVINCE, "catalog:write"),
    ("getImportErrors", "GET", "/v1/import-jobs/{import_id}/errors", R, PROVINCE, "catalog:write"),
) + _toolbox("catalog")

FILING = _rows(
    "filing",
    ("listFilingTypes", "GET", "/v1/filing-types", P, EVERYONE, None),
    ("getFilingType", "GET", "/v1/filing-types/{filing_type}", P, EVERYONE, None),
    ("issueFilingTypeVersion", "POST", "/v1/filing-types/{filing_type}/versions", C, PROVINCE, "policy:write"),
    ("listFilings", "GET", "/v1/filings", R, READERS, "filing:read"),
    ("createFiling", "POST", "/v1/filings", C, FILERS, "filing:write"),
    ("getFiling", "GET", "/v1/filings/{filing_id}", R, READERS, "filing:read"),
    ("reviseFiling", "PUT", "/v1/filings/{filing_id}", U, FILERS, "filing:write"),
    ("submitFiling", "POST", "/v1/filings/{filing_id}/submission", D, FILERS, "filing:write"),
    ("withdrawFiling", "POST", "/v1/filings/{filing_id}/withdrawal", D, FILERS, "filing:write"),
    ("confirmFiling", "POST", "/v1/filings/{filing_id}/confirmation", D, CONFIRMERS, "filing:confirm"),
    ("refuseFiling", "POST", "/v1/filings/{filing_id}/refusal", D, CONFIRMERS, "filing:confirm"),
    ("acceptFiling", "POST", "/v1/filings/{filing_id}/acceptance", D, PROVINCE, "filing:decide"),
    ("approveFiling", "POST", "/v1/filings/{filing_id}/approval", D, PROVINCE, "filing:decide"),
    ("rejectFiling", "POST", "/v1/filings/{filing_id}/rejection", D, PROVINCE, "filing:decide"),
    ("returnFiling", "POST", "/v1/filings/{filing_id}/return", D, PROVINCE, "filing:decide"),
    ("confirmVersion", "POST", "/v1/confirmations", C, MappingProxyType({Role.DEPARTMENT: OWN}), "filing:confirm"),
    ("listConfirmations", "GET", "/v1/confirmations", R, READERS, "filing:read"),
    ("uploadAttachment", "POST", "/v1/attachments", C, MappingProxyType({**FILERS, Role.OPERATOR: OWN}), "filing:write"),
    ("getFilingAttachment", "GET", "/v1/filings/{filing_id}/attachments/{sha256}", R, READERS, "filing:read"),
    ("previewListingPlan", "POST", "/v1/listing-plans/preview", C, PLANNERS, "filing:write"),
    ("fileListingPlan", "POST", "/v1/listing-plans", C, PLANNERS, "filing:write"),
    ("listPlanLines", "GET", "/v1/plan-lines", R, READERS, "filing:read"),
    ("getPlanTemplate", "GET", "/v1/listing-plans/template", P, EVERYONE, None),
    ("proposeLimit", "PUT", "/v1/filing/policies/{key}", U, PROVINCE, "policy:write"),
    ("getLimitProposal", "GET", "/v1/filing/policies/{key}/proposal", R, PROVINCE, "policy:write"),
    ("confirmLimit", "POST", "/v1/filing/policies/{key}/confirmation", D, PROVINCE, "policy:write"),
    ("getFilingReceipt", "GET", "/v1/filings/{filing_id}/receipt", R, READERS, "filing:read"),
    ("listQueue", "GET", "/v1/queue", R, READERS, "filing:read"),
    ("listDueDates", "GET", "/v1/due-dates", R, READERS, "filing:read"),
    ("decideFilings", "POST", "/v1/bulk-decisions", C, PROVINCE, "filing:decide"),
    ("confirmFilings", "POST", "/v1/bulk-confirmations", C, CONFIRMERS, "filing:confirm"),
    ("fileAppeal", "POST", "/v1/filings/{filing_id}/appeals", D, FILERS, "filing:write"),
    ("listAppeals", "GET", "/v1/appeals", R, READERS, "filing:read"),
    ("getAppeal", "GET", "/v1/appeals/{appeal_id}", R, READERS, "filing:read"),
    ("decideAppeal", "POST", "/v1/appeals/{appeal_id}/decision", D, PROVINCE, "filing:decide"),
    ("withdrawAppeal", "POST", "/v1/appeals/{appeal_id}/withdrawal", D, FILERS, "filing:write"),
    ("listDelegations", "GET", "/v1/delegations", R, DECIDERS, "filing:read"),
    ("delegateDecisions", "POST", "/v1/delegations", C, DECIDERS, "delegation:write"),
    ("getDelegation", "GET", "/v1/delegations/{delegation_id}", R, DECIDERS, "filing:read"),
    ("revokeDelegation", "POST", "/v1/delegations/{delegation_id}/revocation", D, DECIDERS, "delegation:write"),
    ("recordOralReport", "POST", "/v1/oral-reports", C, MappingProxyType({**FILERS, Role.PROVINCE: ANY, Role.OPERATOR: ANY}), "filing:write"),
    ("getOralReport", "GET", "/v1/oral-reports/{oral_report_id}", R, READERS, "filing:read"),
    ("delistInEmergency", "POST", "/v1/emergency-delistings", C, MappingProxyType({**FILERS, Role.PROVINCE: ANY, Role.OPERATOR: ANY}), "filing:emergency"),
    ("getEmergencyDelisting", "GET", "/v1/emergency-delistings/{filing_id}", R, READERS, "filing:read"),
    ("listPartners", "GET", "/v1/partners", R, READERS, "filing:read"),
    ("getPartner", "GET", "/v1/partners/{partner_id}", R, READERS, "filing:read"),
    ("forcePartnerOut", "POST", "/v1/partners/{partner_id}/forced-exit", D, PROVINCE, "filing:decide"),
    ("listWindows", "GET", "/v1/windows", R, READERS, "filing:read"),
    ("getWindow", "GET", "/v1/windows/{window_id}", R, READERS, "filing:read"),
    ("listClearances", "GET", "/v1/clearances", R, READERS, "filing:read"),
    ("getClearance", "GET", "/v1/clearances/{clearance_id}", R, READERS, "filing:read"),
    ("revokeClearance", "POST", "/v1/clearances/{clearance_id}/revocation", D, MappingProxyType({**FILERS, Role.PROVINCE: ANY}), "filing:write"),
    ("listClassifiedFields", "GET", "/v1/classified-fields", R, READERS, "filing:read"),
    ("listObligations", "GET", "/v1/obligations", R, READERS, "filing:read"),
    ("getObligation", "GET", "/v1/obligations/{obligation_id}", R, READERS, "filing:read"),
) + _toolbox("filing")

WATCHERS = MappingProxyType({**OWNERS, Role.PARTNER: OWN})
PLAN_KEEPERS = MappingProxyType({**FILERS, Role.OPERATOR: OWN})
RESPONDERS = MappingProxyType({**WATCHERS, Role.OPERATOR: ANY})
SUPERVISORS = MappingProxyType({Role.PROVINCE: ANY, Role.CITY: SUBTREE})
DEBTORS = MappingProxyType({**FILERS, Role.OPERATOR: OWN})
REVIEWERS = MappingProxyType({**DEBTORS, Role.PROVINCE: ANY, Role.CITY: OWN | SUBTREE})
MONITORING = _rows(
    "monitoring",
    ("listProbes", "GET", "/v1/probes", R, READERS, "monitoring:read"),
    ("createProbe", "POST", "/v1/probes", C, WATCHERS, "monitoring:write"),
    ("getProbe", "GET", "/v1/probes/{probe_id}", R, READERS, "monitoring:read"),
    ("changeProbe", "PUT", "/v1/probes/{probe_id}", U, WATCHERS, "monitoring:write"),
    ("listSamples", "GET", "/v1/probes/{probe_id}/samples", R, READERS, "monitoring:read"),
    ("getAvailability", "GET", "/v1/probes/{probe_id}/availability", R, READERS, "monitoring:read"),
    ("importProbes", "POST", "/v1/probe-imports", C, WATCHERS, "monitoring:write"),
    ("createHeartbeat", "POST", "/v1/heartbeats", C, WATCHERS, "monitoring:write"),
    ("getHeartbeat", "GET", "/v1/heartbeats/{heartbeat_id}", R, READERS, "monitoring:read"),
    ("changeHeartbeat", "PUT", "/v1/heartbeats/{heartbeat_id}", U, WATCHERS, "monitoring:write"),
    ("renewHeartbeatToken", "POST", "/v1/heartbeats/{heartbeat_id}/tokens", C, WATCHERS, "monitoring:write"),
    ("sendBeat", "POST", "/v1/beats", C, WATCHERS, "monitoring:write"),
    ("listHours", "GET", "/v1/probes/{probe_id}/hours", R, READERS, "monitoring:read"),
    ("getSiteTest", "GET", "/v1/site-tests/{listing_id}", R, READERS, "monitoring:read"),
    ("listWalks", "GET", "/v1/walks", R, READERS, "monitoring:read"),
    ("createWalk", "POST", "/v1/walks", C, WATCHERS, "monitoring:write"),
    ("getWalk", "GET", "/v1/walks/{walk_id}", R, READERS, "monitoring:read"),
    ("changeWalk", "PUT", "/v1/walks/{walk_id}", U, WATCHERS, "monitoring:write"),
    ("requestWalkRun", "POST", "/v1/walks/{walk_id}/runs", C, WATCHERS, "monitoring:write"),
    ("listWalkRuns", "GET", "/v1/walks/{walk_id}/runs", R, READERS, "monitoring:read"),
    ("getWalkRun", "GET", "/v1/walk-runs/{run_id}", R, READERS, "monitoring:read"),
    ("listVantages", "GET", "/v1/probes/{probe_id}/vantages", R, READERS, "monitoring:read"),
    ("listAdvisories", "GET", "/v1/advisories", R, READERS, "monitoring:read"),
    ("listHealth", "GET", "/v1/health", R, READERS, "monitoring:read"),
    ("listIncidents", "GET", "/v1/incidents", R, READERS, "monitoring:read"),
    ("getIncident", "GET", "/v1/incidents/{incident_id}", R, READERS, "monitoring:read"),
    ("listTimeline", "GET", "/v1/incidents/{incident_id}/timeline", R, READERS, "monitoring:read"),
    ("listLiveListings", "GET", "/v1/live-listings", R, READERS, "monitoring:read"),
    ("getLiveListing", "GET", "/v1/live-listings/{listing_id}", R, READERS, "monitoring:read"),
    ("listRegionHealth", "GET", "/v1/region-health", R, READERS, "monitoring:read"),
    ("recordIncident", "POST", "/v1/incidents", C, RESPONDERS, "incident:write"),
    ("listIncidentClocks", "GET", "/v1/incidents/{incident_id}/clocks", R, READERS, "monitoring:read"),
    ("acknowledgeIncident", "POST", "/v1/incidents/{incident_id}/acknowledgement", D, RESPONDERS, "incident:write"),
    ("gradeIncident", "PUT", "/v1/incidents/{incident_id}/severity", U, RESPONDERS, "incident:write"),
    ("addIncidentAction", "POST", "/v1/incidents/{incident_id}/actions", C, RESPONDERS, "incident:write"),
    ("addIncidentComment", "POST", "/v1/incidents/{incident_id}/comments", C, RESPONDERS, "incident:write"),
    ("handOverIncident", "POST", "/v1/incidents/{incident_id}/handover", D, RESPONDERS, "incident:write"),
    ("announceIncident", "POST", "/v1/incidents/{incident_id}/notice", D, PROVINCE_AND_OPERATOR, "incident:write"),
    ("reportIncidentToAuthority", "POST", "/v1/incidents/{incident_id}/authority-report", D, RESPONDERS, "incident:write"),
    ("nameIncidentCoordinator", "PUT", "/v1/incidents/{incident_id}/coordinator", U, PROVINCE, "incident:write"),
    ("closeIncident", "POST", "/v1/incidents/{incident_id}/closure", D, RESPONDERS, "incident:write"),
    ("listEmergencyPlans", "GET", "/v1/emergency-plans", R, READERS, "monitoring:read"),
    ("adoptEmergencyPlan", "POST", "/v1/emergency-plans", C, PLAN_KEEPERS, "incident:write"),
    ("getEmergencyPlan", "GET", "/v1/emergency-plans/{plan_id}", R, READERS, "monitoring:read"),
    ("reviseEmergencyPlan", "PUT", "/v1/emergency-plans/{plan_id}", U, PLAN_KEEPERS, "incident:write"),
    ("listEmergencyPlanVersions", "GET", "/v1/emergency-plans/{plan_id}/versions", R, READERS, "monitoring:read"),
    ("recordDrill", "POST", "/v1/emergency-plans/{plan_id}/drills", C, PLAN_KEEPERS, "incident:write"),
    ("listDrills", "GET", "/v1/drills", R, READERS, "monitoring:read"),
    ("activateEmergencyPlan", "POST", "/v1/emergency-plans/{plan_id}/activations", C, PLAN_KEEPERS, "incident:write"),
    ("listPlanActivations", "GET", "/v1/plan-activations", R, READERS, "monitoring:read"),
    ("listAccountabilityLeads", "GET", "/v1/accountability-leads", R, PROVINCE, "lead:manage"),
    ("recordAccountabilityLead", "POST", "/v1/accountability-leads", C, PROVINCE, "lead:manage"),
    ("getAccountabilityLead", "GET", "/v1/accountability-leads/{lead_id}", R, PROVINCE, "lead:manage"),
    ("addAccountabilityEvidence", "POST", "/v1/accountability-leads/{lead_id}/evidence", D, PROVINCE, "lead:manage"),
    ("referAccountabilityLead", "POST", "/v1/accountability-leads/{lead_id}/referral", D, PROVINCE, "lead:manage"),
    ("closeAccountabilityLead", "POST", "/v1/accountability-leads/{lead_id}/closure", D, PROVINCE, "lead:manage"),
    ("getAccountabilityBundle", "GET", "/v1/accountability-leads/{lead_id}/bundle", R, PROVINCE, "lead:manage"),
    ("listKnownWindows", "GET", "/v1/known-windows", R, READERS, "monitoring:read"),
    ("getKnownWindow", "GET", "/v1/known-windows/{window_id}", R, READERS, "monitoring:read"),
    ("listSuppressedAlerts", "GET", "/v1/suppressed-alerts", R, READERS, "monitoring:read"),
    ("listAvailabilityCorrections", "GET", "/v1/availability-corrections", R, READERS, "monitoring:read"),
    ("listFindings", "GET", "/v1/findings", R, READERS, "monitoring:read"),
    ("recordFinding", "POST", "/v1/findings", C, MappingProxyType({**SUPERVISORS, Role.OPERATOR: ANY}), "finding:write"),
    ("getFinding", "GET", "/v1/findings/{finding_id}", R, READERS, "monitoring:read"),
    ("listFindingHistory", "GET", "/v1/findings/{finding_id}/history", R, READERS, "monitoring:read"),
    ("orderRectification", "POST", "/v1/findings/{finding_id}/order", D, SUPERVISORS, "finding:decide"),
    ("submitRectification", "POST", "/v1/findings/{finding_id}/submission", D, DEBTORS, "finding:write"),
    ("askExtension", "POST", "/v1/findings/{finding_id}/extension-request", D, DEBTORS, "finding:write"),
    ("decideExtension", "POST", "/v1/findings/{finding_id}/extension", D, SUPERVISORS, "finding:decide"),
    ("verifyRectification", "POST", "/v1/findings/{finding_id}/verification", D, SUPERVISORS, "finding:decide"),
    ("listInspectionPlans", "GET", "/v1/inspection-plans", R, READERS, "monitoring:read"),
    ("issueInspectionPlan", "POST", "/v1/inspection-plans", C, PROVINCE, "inspection:plan"),
    ("getInspectionPlan", "GET", "/v1/inspection-plans/{plan_id}", R, READERS, "monitoring:read"),
    ("endInspectionPlan", "POST", "/v1/inspection-plans/{plan_id}/end", D, PROVINCE, "inspection:plan"),
    ("recordInspection", "POST", "/v1/inspection-plans/{plan_id}/runs", C, DEBTORS, "inspection:write"),
    ("listInspectionRuns", "GET", "/v1/inspection-runs", R, READERS, "monitoring:read"),
    ("getInspectionRun", "GET", "/v1/inspection-runs/{run_id}", R, READERS, "monitoring:read"),
    ("listSupervisionSamples", "GET", "/v1/supervision-samples", R, SUPERVISORS, "supervision:write"),
    ("drawSupervisionSample", "POST", "/v1/supervision-samples", C, SUPERVISORS, "supervision:write"),
    ("getSupervisionSample", "GET", "/v1/supervision-samples/{sample_id}", R, SUPERVISORS, "supervision:write"),
    ("listSamplePopulation", "GET", "/v1/supervision-samples/{sample_id}/population", R, SUPERVISORS, "supervision:write"),
    ("listSupervisionChecks", "GET", "/v1/supervision-checks", R, READERS, "monitoring:read"),
    ("recordSupervisionCheck", "POST", "/v1/supervision-checks", C, SUPERVISORS, "supervision:write"),
    ("getSupervisionCheck", "GET", "/v1/supervision-checks/{check_id}", R, READERS, "monitoring:read"),
    ("listElectronicRules", "GET", "/v1/electronic-rules", R, READERS, "monitoring:read"),
    ("listReviews", "GET", "/v1/reviews", R, READERS, "monitoring:read"),
    ("recordReview", "POST", "/v1/reviews", C, REVIEWERS, "inspection:write"),
    ("getReview", "GET", "/v1/reviews/{review_id}", R, READERS, "monitoring:read"),
    ("listBulletins", "GET", "/v1/bulletins", R, READERS, "monitoring:read"),
    ("publishBulletin", "POST", "/v1/bulletins", C, MappingProxyType({**SUPERVISORS, Role.OPERATOR: ANY}), "bulletin:write"),
    ("getBulletin", "GET", "/v1/bulletins/{bulletin_id}", R, READERS, "monitoring:read"),
    ("closeFinding", "POST", "/v1/findings/{finding_id}/closing", D, SUPERVISORS, "finding:decide"),
) + _toolbox("monitoring")
# fmt: on

_LARGE = {"uploadAttachment": 10 * 1024 * 1024}
OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        operation.id: replace(operation, body_bytes=_LARGE.get(operation.id))
        for operation in (*GATEWAY, *CATALOG, *FILING, *MONITORING)
    }
)
_BODY_BYTES = {
    (operation.method, operation.path): operation.body_bytes for operation in OPERATIONS.values()
}


def body_limit(method: str, path: str) -> int | None:
    """How many bytes an operation without path parameters takes; None for what all take."""
    return _BODY_BYTES.get((method, path))


# Calls through a listed service's entry: any method and path below it, so no row of the table.
ENTRY = Operation(
    id="callEntry",
    method="*",
    path="/v1/entry/{listing_id}/{path}",
    service="gateway",
    effect=Effect.READ,
    allow=MappingProxyType({Role.APP: ANY, Role.PROVINCE: ANY, Role.OPERATOR: ANY}),
    scope="entry:call",
)


for _operation in (*OPERATIONS.values(), ENTRY):
    if (
        Role.OPERATOR in _operation.allow
        and _operation.effect is not Effect.PUBLIC_READ
        and _operation.group is None
    ):
        raise LookupError(f"{_operation.id} needs a group of shared/security/groups.py (A9.2)")


class OperationForbidden(Forbidden):
    code = "operation_forbidden"


class ScopeMissing(Forbidden):
    code = "scope_missing"


class GroupMissing(Forbidden):
    """The operator's account was not granted the group that the operation belongs to."""

    code = "group_missing"
    members = ("group",)


class OutsideRemit(Forbidden):
    code = "outside_remit"


def check_role(operation: Operation, actor: Actor) -> Relation:
    """The relations in which this actor may act.

    403 `operation_forbidden`, `scope_missing`, or for the operator `group_missing`.
    """
    relation = operation.allow.get(actor.role)
    if relation is None:
        raise OperationForbidden(operation=operation.id, role=actor.role, clause="A4.1")
    if operation.scope is not None and operation.scope not in actor.scopes:
        raise ScopeMissing(scope=operation.scope)
    if actor.role is Role.OPERATOR:
        check_group(operation, actor.groups)
    return relation


def check_group(operation: Operation, groups: Container[str]) -> None:
    """Refuse with `group_missing` (403) what no group of the operator's account covers (A9.2)."""
    group = operation.group
    if group is not None and group not in groups:
        raise GroupMissing(group=group, title=TITLES[group], clause="A9.2")


def check_relation(
    relation: Relation,
    actor: Actor,
    *,
    organisation: str,
    region: str,
    named: tuple[str, ...] | list[str] = (),
    clause: str = "A4.1",
) -> None:
    """Refuse with `outside_remit` (403) what the actor may see but not touch."""
    if relation is ANY:
        return
    if Relation.OWN in relation and organisation == actor.organisation:
        return
    if Relation.NAMED in relation and actor.organisation in named:
        return
    if Relation.SUBTREE in relation and actor.covers(region):
        return
    raise OutsideRemit(organisation=actor.organisation, clause=clause)
