"""Fields are readable only in their own place, under keys that can be changed."""

import json

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.security import encryption
from shared.security.encryption import (
    Keyring,
    Profile,
    blind_index,
    decrypt,
    encrypt,
    needs_rotation,
    reencrypt,
)
from shared.security.errors import DecryptionFailed

PHONE = "13800138000"
HERE = "complaints|phone|7f3c"
PROFILES = pytest.mark.parametrize("profile", list(Profile))


def test_sm4_gives_the_block_of_its_standard() -> None:
    # GB/T 32907-2016 A.1: key and plaintext are the same 16 bytes.
    block = bytes.fromhex("0123456789abcdeffedcba9876543210")

    cipher = Cipher(SM4(block), ECB()).encryptor()  # noqa: S305 - one block of a published vector

    assert (cipher.update(block) + cipher.finalize()).hex() == "681edf34d206965e86b3e94f536e4246"


def test_sm4_gcm_gives_the_vector_of_rfc_8998() -> None:
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    nonce = bytes.fromhex("00001234567800000000abcd")
    bound = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    plaintext = bytes.fromhex(
        "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
        "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa"
    )

    sealed = encryption._seal(Profile.SM4, key, nonce, plaintext, bound)

    assert sealed.hex() == (
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        "83de3541e4c2b58177e065a9bf7b62ec"
    )
    assert encryption._open(Profile.SM4, key, nonce, sealed, bound) == plaintext


@pytest.mark.clause("A21.2")
@PROFILES
@settings(deadline=None, database=None, derandomize=True, max_examples=60)
@given(value=st.text(), context=st.text())
def test_what_was_written_is_read_back_in_its_place(profile, value, context) -> None:
    keyring = Keyring.generate(profile)

    envelope = encrypt(keyring, value, context=context)

    assert decrypt(keyring, envelope, context=context) == value
    assert envelope.startswith(f"v1|{profile.value}|k1|")


@PROFILES
def test_one_value_never_has_the_same_envelope_twice(profile) -> None:
    keyring = Keyring.generate(profile)

    envelopes = {encrypt(keyring, PHONE, context=HERE) for _ in range(500)}

    assert len(envelopes) == 500
    assert not any(PHONE in envelope for envelope in envelopes)


@pytest.mark.clause("A21.2")
@PROFILES
@pytest.mark.parametrize(
    "elsewhere",
    ["complaints|phone|8a00", "complaints|id_number|7f3c", "ratings|phone|7f3c", "", HERE + "|"],
    ids=["another row", "another column", "another table", "nowhere", "longer"],
)
def test_a_value_moved_to_another_place_is_unreadable(profile, elsewhere) -> None:
    keyring = Keyring.generate(profile)
    envelope = encrypt(keyring, PHONE, context=HERE)

    with pytest.raises(DecryptionFailed):
        decrypt(keyring, envelope, context=elsewhere)


@PROFILES
def test_every_flipped_bit_is_noticed_and_the_error_tells_nothing(profile) -> None:
    keyring = Keyring.generate(profile)
    envelope = encrypt(keyring, PHONE, context=HERE)
    head, nonce, sealed = envelope.rsplit("|", 2)
    parts = {"nonce": encryption._decoded(nonce), "sealed": encryption._decoded(sealed)}
    tried = 0

    for name, data in parts.items():
        for bit in range(len(data) * 8):
            bad = bytearray(data)
            bad[bit // 8] ^= 1 << bit % 8
            changed = {**parts, name: bytes(bad)}
            forged = "|".join((head, *(encryption._encoded(part) for part in changed.values())))
            with pytest.raises(DecryptionFailed) as refusal:
                decrypt(keyring, forged, context=HERE)
            assert not refusal.value.args
            assert refusal.value.__suppress_context__
            tried += 1

    assert tried == (12 + len(PHONE) + 16) * 8


@PROFILES
def test_a_shortened_envelope_is_unreadable(profile) -> None:
    keyring = Keyring.generate(profile)
    head, nonce, sealed = encrypt(keyring, "", context=HERE).rsplit("|", 2)
    short = [(nonce[:length], sealed) for length in range(len(nonce))]
    short += [(nonce, sealed[:length]) for length in range(len(sealed))]

    for parts in short:
        with pytest.raises(DecryptionFailed):
            decrypt(keyring, "|".join((head, *parts)), context=HERE)


@PROFILES
@settings(deadline=None, database=None, derandomize=True)
@given(forged=st.text() | st.lists(st.text(), min_size=5, max_size=5).map("|".join))
def test_no_text_is_taken_for_an_envelope(profile, forged) -> None:
    with pytest.raises(DecryptionFailed):
        decrypt(Keyring.generate(profile), forged, context=HERE)


def test_the_algorithm_and_the_key_id_in_an_envelope_cannot_be_exchanged() -> None:
    aes = Keyring.generate()
    keyring = Keyring(
        {**aes.keys, "k2": aes.keys["k1"], "sm": bytes(16)}, "k1", aes.index_key, Profile.AES
    )
    envelope = encrypt(keyring, PHONE, context=HERE)

    for wrong in (
        envelope.replace("|k1|", "|k2|"),
        envelope.replace("AES-256-GCM|k1", "SM4-GCM|sm"),
        envelope.replace("AES-256-GCM", "SM4-GCM"),
        envelope.replace("|k1|", "|k9|"),
        envelope.replace("v1|", "v2|"),
        envelope + "=",
        envelope + "|",
    ):
        assert wrong != envelope
        with pytest.raises(DecryptionFailed):
            decrypt(keyring, wrong, context=HERE)


@pytest.mark.clause("A21.2")
@pytest.mark.parametrize("target", list(Profile))
def test_after_a_rotation_the_old_is_readable_and_is_known_to_be_old(target) -> None:
    before = Keyring.generate()
    old = encrypt(before, PHONE, context=HERE)

    after = before.rotated(target)
    fresh = reencrypt(after, old, context=HERE)

    assert decrypt(after, old, context=HERE) == decrypt(after, fresh, context=HERE) == PHONE
    assert [needs_rotation(after, old), needs_rotation(after, fresh)] == [True, False]
    with pytest.raises(DecryptionFailed):
        decrypt(before, fresh, context=HERE)


@PROFILES
def test_the_blind_index_finds_one_number_however_it_is_written(profile) -> None:
    keyring = Keyring.generate(profile)
    ways = [
        PHONE,
        "138 0013 8000",
        "+86-138-0013-8000",
        "１３８００１３８０００",
        "138\u200b00138000",
    ]

    indexes = {blind_index(keyring, way, column="complaints.phone") for way in ways}

    assert len(indexes) == 1
    assert len(indexes.pop()) == 16


def test_the_blind_index_differs_by_value_column_key_and_profile() -> None:
    keyring = Keyring.generate()
    sm = Keyring({"k1": bytes(16)}, "k1", keyring.index_key, Profile.SM4)

    indexes = {
        blind_index(keyring, PHONE, column="phone"),
        blind_index(keyring, PHONE[:-1] + "1", column="phone"),
        blind_index(keyring, PHONE, column="other"),
        blind_index(Keyring.generate(), PHONE, column="phone"),
        blind_index(sm, PHONE, column="phone"),
    }

    assert len(indexes) == 5


def test_an_id_number_is_found_with_either_x() -> None:
    keyring = Keyring.generate()

    small, large = (blind_index(keyring, "36010219900101123" + x, column="id_number") for x in "xX")

    assert small == large


@PROFILES
def test_a_keyring_survives_its_file_and_never_prints_its_keys(profile, tmp_path) -> None:
    keyring = Keyring.generate(profile).rotated()
    path = tmp_path / "keyring.json"
    path.write_text(json.dumps(keyring.document()))

    loaded = Keyring.load(path)

    assert loaded == keyring
    shown = repr(loaded)
    for key in loaded.keys.values():
        assert encryption._encoded(key) not in shown
        assert repr(key) not in shown


def test_a_keyring_file_that_is_wrong_is_refused_without_quoting_it(tmp_path) -> None:
    good = Keyring.generate().document()
    wrong = [
        {**good, "profile": "SM4-GCM"},
        {**good, "profile": "ROT13"},
        {**good, "current": "k9"},
        {**good, "keys": {"k1": "c2hvcnQ"}},
        {**good, "keys": {"k|1": good["keys"]["k1"]}},
        {**good, "keys": []},
        {**good, "index_key": "c2hvcnQ"},
        {**good, "index_key": "!!!"},
        {name: value for name, value in good.items() if name != "index_key"},
        [],
        "text",
    ]
    path = tmp_path / "keyring.json"

    for document in wrong:
        path.write_text(json.dumps(document))
        with pytest.raises(ValueError, match=r"key|Profile") as refusal:
            Keyring.load(path)
        assert good["keys"]["k1"] not in str(refusal.value)
