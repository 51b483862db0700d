"""What is refused about the items, zones and halls that a filing names."""

from services.filing.errors.content import ContentRefused


class ItemUnknown(ContentRefused):
    code = "item_unknown"


class ItemInactive(ContentRefused):
    code = "item_inactive"


class ItemOfAnotherDepartment(ContentRefused):
    code = "item_of_another_department"


class ZoneUnknown(ContentRefused):
    code = "zone_unknown"


class ZoneOfAnotherDepartment(ContentRefused):
    code = "zone_of_another_department"


class HallUnknown(ContentRefused):
    code = "hall_unknown"


class HallOutsideRegion(ContentRefused):
    code = "hall_outside_region"


class HallMerged(ContentRefused):
    code = "merged_hall_named"
