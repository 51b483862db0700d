"""How personal values are shown by default (A21.2), and why a mask never comes back as a write.

No national rule fixes the pattern; ours is phone 3+4, ID number 3+4, name first character.
"""

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from shared.errors import FieldError
from shared.security.errors import MaskedValueRefused

MASK = "*"
HEAD, TAIL = 3, 4

# The asterisk as people and programs write it; a name's own middle dots (· •) are not among them.
_MASKED = re.compile("[*＊﹡∗⁎٭✱]")


def mask_phone(value: str) -> str:
    """138****8000; a number too short to keep 3+4 is hidden whole."""
    return _mask_middle(value)


def mask_id_number(value: str) -> str:
    """360***********123X."""
    return _mask_middle(value)


def mask_name(value: str) -> str:
    """张*, 欧**; a single character is hidden."""
    return value[0] + MASK * (len(value) - 1) if len(value) > 1 else MASK * len(value)


def is_masked(value: str) -> bool:
    """Whether a personal value carries a mask; no real phone, ID number or name does."""
    return _MASKED.search(value) is not None


def refuse_masked(value: str, *, pointer: str) -> str:
    """The value itself; MaskedValueRefused, with the member's pointer, when it carries a mask."""
    if is_masked(value):
        raise MaskedValueRefused(
            clause="A21.2", errors=[FieldError(pointer, MaskedValueRefused.code)]
        )
    return value


def _validated(value: str) -> str:
    if is_masked(value):
        raise PydanticCustomError("masked_value_refused", "a masked value cannot be written back")
    return value


Unmasked = Annotated[str, AfterValidator(_validated)]
"""A personal value in a body: a masked one is the field error `masked_value_refused`."""


def _mask_middle(value: str) -> str:
    hidden = len(value) - HEAD - TAIL
    if hidden < 1:
        return MASK * len(value)
    return value[:HEAD] + MASK * hidden + value[-TAIL:]
