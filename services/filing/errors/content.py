"""The refusals that a check of the content finds, and their base."""

from shared.errors import Invalid


class ContentRefused(Invalid):
    """Base of the refusals that a check of the content finds; the first one names the problem."""

    code = "content_refused"


class OrganisationUnknown(ContentRefused):
    code = "organisation_unknown"


class RegionMismatch(ContentRefused):
    code = "region_mismatch"


class MemberNotForStep(ContentRefused):
    code = "member_not_for_step"


def with_code(kind: type[ContentRefused]) -> dict[str, type[ContentRefused]]:
    """Each refusal by its code, below this kind."""
    found = {kind.code: kind}
    for below in kind.__subclasses__():
        found |= with_code(below)
    return found
