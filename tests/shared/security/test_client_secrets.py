"""Client secrets are stored as a keyed hash and compared in constant time."""

import pytest

from shared.security.client_secrets import matches, new_secret, stored_form

PEPPER = bytes(range(32))


def test_a_secret_has_256_bits_and_never_comes_twice() -> None:
    made = {new_secret() for _ in range(200)}

    assert len(made) == 200
    assert {len(secret) for secret in made} == {43}


@pytest.mark.feature("DEP1")
@pytest.mark.parametrize("algorithm", ["sha-256", "sm3"])
def test_the_secret_matches_its_stored_form_and_nothing_else_does(algorithm) -> None:
    secret = new_secret()
    stored = stored_form(secret, pepper=PEPPER, algorithm=algorithm)

    assert secret not in stored
    assert matches(secret, [stored], pepper=PEPPER)
    assert not matches(secret + "x", [stored], pepper=PEPPER)
    assert not matches(secret, [stored], pepper=bytes(32))
    assert not matches(stored, [stored], pepper=PEPPER)


def test_during_a_rotation_both_secrets_open_and_a_third_does_not() -> None:
    old, fresh = new_secret(), new_secret()
    live = [stored_form(old, pepper=PEPPER), stored_form(fresh, pepper=PEPPER)]

    answers = [matches(secret, live, pepper=PEPPER) for secret in (old, fresh, new_secret())]

    assert answers == [True, True, False]


def test_an_unknown_client_matches_nothing() -> None:
    assert not matches(new_secret(), [], pepper=PEPPER)


def test_a_short_pepper_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        stored_form("secret", pepper=b"short")


def test_the_hash_is_keyed_as_rfc_4231_says() -> None:
    # Test case 6: a key of 131 bytes 0xaa.
    stored = stored_form(
        "Test Using Larger Than Block-Size Key - Hash Key First", pepper=b"\xaa" * 131
    )

    assert stored == (
        "hmac-sha-256:60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    )
