"""How a person's values are sealed in their places, and found without opening (A21.2)."""

from dataclasses import dataclass
from uuid import UUID

from shared.security.encryption import Keyring, blind_index, decrypt, encrypt


@dataclass(frozen=True, slots=True)
class Clear:
    """A person's values in the clear, for the length of one call."""

    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Sealed:
    name: str
    phone: str


def phone_index(keyring: Keyring, phone: str) -> str:
    return blind_index(keyring, phone, column="responsible_persons.phone")


def seal(keyring: Keyring, person_id: UUID, clear: Clear) -> Sealed:
    return Sealed(
        name=encrypt(keyring, clear.name, context=_place("name", person_id)),
        phone=encrypt(keyring, clear.phone, context=_place("phone", person_id)),
    )


def unseal(keyring: Keyring, person_id: UUID, sealed: Sealed) -> Clear:
    return Clear(
        name=decrypt(keyring, sealed.name, context=_place("name", person_id)),
        phone=decrypt(keyring, sealed.phone, context=_place("phone", person_id)),
    )


def _place(column: str, person_id: UUID) -> str:
    return f"responsible_persons|{column}|{person_id}"
