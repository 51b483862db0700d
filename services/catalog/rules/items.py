"""Item codes and code sets: GB/T 39046-2020 (types), GB/T 39554.1 and GB 32100."""

import re
from enum import StrEnum

ITEM_TYPES = ("00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "20")
"""GB/T 39046-2020 A.1; 01–10 are powers, 20 is public service (A2.1). Names: messages.toml."""

LEVELS = ("1", "2", "3", "4", "5", "6", "7")
"""GB/T 39046-2020 A.2: 1 national … 6 village, 7 by levels."""

AUDIENCES = ("1", "2", "3", "4", "5", "6")
"""GB/T 39046-2020 A.4: natural persons, enterprises, institutions, social organisations,
administrative organs, other organisations."""


class CodeScheme(StrEnum):
    GBT39554 = "gbt39554"
    DEMO = "demo"


class Initiation(StrEnum):
    """依申请 / 依职权 (A2.2)."""

    ON_APPLICATION = "ON_APPLICATION"
    EX_OFFICIO = "EX_OFFICIO"


_IMPLEMENTATION_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}[1-7]\d{12}")
_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def code_flaw(scheme: CodeScheme, code: str) -> str | None:
    """The code of what is wrong with an item code, or None.

    A 31-digit code is USCC (18) + level (1) + basic code (12), GB/T 39554.1-2020; any other scheme
    is free in form.
    """
    if scheme is not CodeScheme.GBT39554:
        return None
    if _IMPLEMENTATION_CODE.fullmatch(code) is None:
        return "item_code_pattern"
    return None if uscc_check_digit(code[:17]) == code[17] else "item_code_check_digit"


def uscc_check_digit(first: str) -> str:
    """The 18th character of a unified social credit code from its first 17 (GB 32100)."""
    total = sum(_USCC.index(char) * pow(3, place, 31) for place, char in enumerate(first))
    return _USCC[-total % 31]
