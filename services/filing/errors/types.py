"""What is refused about a type of filing, its versions and who may file it."""

from services.filing.errors.content import ContentRefused
from shared.errors import Conflict, Forbidden, NotFound


class FilingTypeNotFound(NotFound):
    code = "filing_type_not_found"


class TypeVersionOutOfOrder(Conflict):
    code = "type_version_out_of_order"


class TypeFlowFixed(Conflict):
    """What is applied for is never merely filed, nor the other way round."""

    code = "type_flow_fixed"


class TypeNotForOrganisation(Forbidden):
    code = "type_not_for_organisation"


class OperatorNeedsOrder(Forbidden):
    code = "operator_needs_order"


class MemberNotForType(ContentRefused):
    code = "member_not_for_type"


class CountyOnlyLocalScenario(ContentRefused):
    code = "county_only_local_scenario"
