"""Marks of state secrets are found in every form; ordinary language is left alone."""

import itertools
import json
import re
import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.security.errors import ClassifiedMarkerRefused
from shared.security.markers import (
    Kind,
    Marker,
    find_marker,
    may_carry_marker,
    refuse_markers,
    scan_json,
)

CLASSES = {
    Kind.TOP_SECRET: ("绝密", "絕密", "絶密"),
    Kind.SECRET: ("机密", "機密"),
    Kind.CONFIDENTIAL: ("秘密", "祕密"),
}
TERMS = [
    "10年",
    "1年",
    "6个月",
    "6個月",
    "20日",
    "３０年",
    "十年",
    "三十年",
    "叁拾年",
    "⑩年",
    "长期",
    "長期",
    "永久",
    "2030年12月31日",
    "2030.12.31",
    "2030-12-31",
    "20301231",
    "二〇三〇年",
    "启用前",
    "啟用前",
    "考试结束前",
    "公布前",
    "公佈前",
    "正式签署之前",
    "工程完成后解密",
    "解密",
]
FIRST_SIGNS = "绝絕絶机機秘祕"


def _spaced(mark: str) -> str:
    return " ".join(mark)


def _wide(mark: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in mark)


def _wide_spaced(mark: str) -> str:
    return "\u3000".join(_wide(mark))


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "spaced": _spaced,
    "wide": _wide,
    "wide and spaced": _wide_spaced,
    "zero-width space": "\u200b".join,
    "zero-width joiner": "\u200d".join,
    "word joiner": "\u2060".join,
    "byte order mark": "\ufeff".join,
    "soft hyphen": "\u00ad".join,
    "no-break space": "\u00a0".join,
    "many": "\u200b \u2060\ufe0f".join,
    "struck through": "\u0336".join,
    "emoji star": lambda mark: mark.replace("★", "⭐\ufe0f"),
    "hollow star": lambda mark: mark.replace("★", "☆"),
    "bracketed": lambda mark: f"【{mark.replace('★', '】★')}",
    "colon after the star": lambda mark: mark.replace("★", "★："),
    "joined by a dot": lambda mark: f"{mark[0]}·{mark[1:]}",
    "broken line": lambda mark: f"{mark[0]}\n{mark[1:]}",
    "upside of the term": lambda mark: mark.replace("★", "★\n"),
}
PLACES = (
    "{}",
    "密级：{}",
    "000001\n{}\n关于印发实施方案的通知",
    "（{}）附件一",
    "该文件为{}，请妥善保管",
)

POSITIVES = [
    (kind, PLACES[number % len(PLACES)].format(FORMS[form](f"{written}★{term}")), form)
    for number, ((kind, written), term, form) in enumerate(
        itertools.product(
            [(kind, written) for kind, forms in CLASSES.items() for written in forms], TERMS, FORMS
        )
    )
] + [
    (kind, place.format(f"{written}★"), "without a term")
    for kind, forms in CLASSES.items()
    for written in forms
    for place in ("{}", "密级：{}", "{}\n关于印发实施方案的通知", "（{}）")
]

_SECRETS = [
    "商业秘密",
    "商業秘密",
    "个人秘密",
    "工作秘密",
    "技术秘密",
    "经营秘密",
    "通信秘密",
    "商业机密",
    "国家秘密",
    "军事秘密",
    "公司机密",
    "企业机密",
    "行业秘密",
    "客户秘密",
    "秘密",
    "机密",
    "绝密",
]
_SENTENCES = (
    "经办人员应当依法保守{}，不得泄露。",
    "投诉人要求对其{}予以保护。",
    "请勿在留言中填写{}、密码和验证码。",
    "涉及{}的材料不予公开，保存10年。",
    "服务评价：★★★★★ 工作人员能够保守{}",
    "我们承诺保守{}\n★10年服务经验\n★全程网办",
    "★星级大厅★ 关于{}的说明，有效期至2030年12月31日",
    "《{}法》实施条例自2030年1月1日起施行前公布",
    "{}（五星★★★★★好评）",
    "{}★★★★☆ 2026年11月",
    "网友“{}★”的留言已转办",
    "{}有密级之分，保密期限不超过三十年。",
    "大家一起守住了{}★\n谢谢",
    "★重要★ 泄露{}的，处10日以下拘留",
)
LOOK_ALIKES = [sentence.format(secret) for sentence in _SENTENCES for secret in _SECRETS] + [
    *(f"{secret}★{term}" for secret in _SECRETS[:8] for term in ("5年", "10年", "长期", "启用前")),
    *(f"{secret[:2]}\u200b{secret[2:]} ★ 5年" for secret in _SECRETS[:8]),
    "密码★10年未修改",
    "秘密花园★10年",
    "机密性★10年",
    "绝密档案室(游戏)★10年",
    "保密★10年",
    "加密★长期",
    "秘书★10年",
    "机★密",
    "★机密",
    "10年★机密等级说明",
    "秘密\n\n★10年质保",
    "**机密**10年前已解除",
    "秘密★花园",
    "秘密★★10年",
    "评分 秘密★4.5",
    "",
    "★",
    "密",
]


def test_the_corpora_are_large_and_have_no_doubles() -> None:
    assert len({text for _, text, _ in POSITIVES}) == len(POSITIVES) >= 200
    assert len(set(LOOK_ALIKES)) == len(LOOK_ALIKES) >= 200


@pytest.mark.clause("A21.4")
def test_every_form_of_a_mark_is_found_with_its_class_and_place(capsys) -> None:
    found = [(form, text, kind, find_marker(text)) for kind, text, form in POSITIVES]
    missed = [
        (form, text)
        for form, text, kind, marker in found
        if marker is None or marker.kind is not kind or text[marker.position] not in FIRST_SIGNS
    ]

    recall = 1 - len(missed) / len(POSITIVES)
    with capsys.disabled():
        print(f"\nmarkers: recall {recall:.4f} of {len(POSITIVES)}")  # noqa: T201 - a figure to report
    assert not missed


@pytest.mark.clause("A21.4")
def test_ordinary_language_raises_no_false_alarm(capsys) -> None:
    alarms = [text for text in LOOK_ALIKES if find_marker(text) is not None]

    with capsys.disabled():
        print(f"\nmarkers: {len(alarms)} false alarms in {len(LOOK_ALIKES)}")  # noqa: T201 - a figure to report
    assert not alarms


def test_the_place_is_counted_in_the_text_as_it_was_sent() -> None:
    assert find_marker("附件：\u200b机 密★10年") == Marker(Kind.SECRET, 4)


def test_a_commercial_secret_does_not_hide_a_mark_behind_it() -> None:
    assert find_marker("商业秘密★5年；机密★10年") == Marker(Kind.SECRET, 8)


def test_each_form_of_the_two_signs_passes_the_fast_path() -> None:
    # No other code point of Unicode is compatible with 密, so one search is enough.
    forms = {
        sign for sign in map(chr, range(0x110000)) if "密" in unicodedata.normalize("NFKC", sign)
    }

    assert forms == {"密"}


@pytest.mark.clause("A21.4")
@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"a": "机密★10年"}).encode(),
        json.dumps({"a": "机密★10年"}).upper().encode().replace(b"\\U", b"\\u"),
        json.dumps({"a": "机密★10年"}, ensure_ascii=False).encode(),
        json.dumps({"a": "机宻★10年"}).encode(),
        json.dumps({"a": "机宻★10年"}, ensure_ascii=False).encode(),
    ],
)
def test_the_raw_search_lets_no_marked_body_pass(body) -> None:
    assert may_carry_marker(body)
    assert list(scan_json(json.loads(body)))


def test_an_ordinary_body_is_passed_over_quickly(capsys) -> None:
    items = [{"name": "社会保险登记", "star": "★" * 5}] * 5000
    body = json.dumps({"items": items}, ensure_ascii=False).encode()

    began = time.perf_counter()
    suspected = may_carry_marker(body)
    rate = len(body) / (time.perf_counter() - began) / 1e6

    with capsys.disabled():
        print(f"\nmarkers: {rate:,.0f} MB/s of ordinary JSON")  # noqa: T201 - a figure to report
    assert not suspected


@pytest.mark.clause("A21.4")
def test_marks_are_found_in_values_and_names_by_pointer_and_never_repeated() -> None:
    body = {
        "title": "通知",
        "a/b": {"c~d": ["机密★10年", 1, None, True, 1.5]},
        "绝密★长期": {"inner": "秘密★3年"},
        "list": [[{"x": "正文 秘密★3年"}]],
    }

    found = list(scan_json(body))

    assert found == [
        Marker(Kind.TOP_SECRET, 0, "", in_name=True),
        Marker(Kind.SECRET, 0, "/a~1b/c~0d/0"),
        Marker(Kind.CONFIDENTIAL, 3, "/list/0/0/x"),
    ]


@pytest.mark.clause("A21.4")
def test_a_marked_body_is_refused_with_its_places_and_without_its_text() -> None:
    body = {"title": "机密★10年 某某方案", "ok": "正文"}

    with pytest.raises(ClassifiedMarkerRefused) as refusal:
        refuse_markers(body)

    error = refusal.value
    assert (error.status, error.code, error.clause) == (422, "classified_marker_refused", "A21.4")
    assert [(field.pointer, field.params) for field in error.errors] == [
        ("/title", {"kind": "机密", "position": 0})
    ]
    assert "方案" not in repr(error.errors)
    refuse_markers({"ok": "正文"})


def test_a_body_of_any_depth_is_walked() -> None:
    body: object = "秘密★3年"
    for _ in range(20_000):
        body = [body]

    (marker,) = scan_json(body)

    assert len(marker.pointer) == 2 * 20_000


@settings(deadline=None, database=None, derandomize=True, max_examples=200)
@given(st.text(alphabet="绝机秘密★ 10年月日\n\u200b商业前解公开启用.-（】", max_size=60))
def test_what_is_found_always_has_a_class_and_a_star(text) -> None:
    marker = find_marker(text)

    if marker is not None:
        rest = re.sub(r"[\s\u200b.\-】]", "", text[marker.position :])
        assert rest[1] == "密"
        assert rest[2] == "★"


@pytest.mark.parametrize(
    "hostile",
    [
        "机" * 300_000 + "密★",
        "机密" * 150_000 + "★",
        "机" + "\u200b" * 300_000 + "密★x",
        ("机" + "\u200b" * 100) * 3_000 + "密★x",
        "机密★" * 100_000,
        "机密★1" * 75_000,
        "机密" + " " * 300_000 + "★",
        "机密★" + "启" * 300_000,
        "商业秘密★5年" * 40_000,
    ],
    ids=["class", "words", "blanks", "runs", "marks", "numbers", "gap", "condition", "commercial"],
)
def test_a_hostile_text_costs_little_more_than_its_length(hostile) -> None:
    began = time.perf_counter()
    find_marker(hostile)

    assert time.perf_counter() - began < 2
