"""Files from outside: what is taken, what is refused, and that a hostile one harms nobody."""

import io
import stat
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import DomainError
from shared.security.errors import ClassifiedMarkerRefused
from shared.security.files import (
    ArchiveEntryRefused,
    ArchiveTooLarge,
    FileEncrypted,
    FileKind,
    FileTypeMismatch,
    FileTypeRefused,
    FileUnreadable,
    FileWithProgram,
    Limits,
    inspect,
    inspect_apart,
)
from tests.shared.security.documents import PNG, archive, docx, ofd, pdf, xlsx

MARK = "机密★10年"
PLAIN = "社会保险查询自测报告"
ENDING = {
    FileKind.PDF: "pdf",
    FileKind.DOCX: "docx",
    FileKind.XLSX: "xlsx",
    FileKind.OFD: "ofd",
    FileKind.ZIP: "zip",
    FileKind.PNG: "png",
    FileKind.TEXT: "txt",
    FileKind.CSV: "csv",
}


def made(kind: FileKind, text: str) -> bytes:
    """A file of this kind that shows this text."""
    makers = {
        FileKind.PDF: lambda: pdf(text),
        FileKind.DOCX: lambda: docx([text]),
        FileKind.XLSX: lambda: xlsx(text),
        FileKind.OFD: lambda: ofd(text),
        FileKind.ZIP: lambda: archive(("报告.txt", text.encode())),
        FileKind.PNG: lambda: PNG[:-12] + text.encode() + PNG[-12:],
        FileKind.TEXT: text.encode,
        FileKind.CSV: lambda: text.encode("gb18030"),
    }
    return makers[kind]()


def look(data: bytes, kind: FileKind, **limits: int) -> FileKind:
    return inspect(data, name=f"报告.{ENDING[kind]}", declared=kind, limits=Limits(**limits))


def verdict(data: bytes, kind: FileKind) -> FileKind | int:
    """What it is, or the status of its refusal; anything else that is raised is a fault."""
    try:
        return look(data, kind)
    except DomainError as refused:
        return refused.status


@pytest.mark.parametrize("kind", ENDING)
def test_each_type_is_known_by_what_is_in_it(kind: FileKind) -> None:
    assert look(made(kind, PLAIN), kind) is kind


@pytest.mark.clause("A21.4")
@pytest.mark.parametrize("kind", ENDING)
def test_a_mark_is_found_inside_each_type(kind: FileKind) -> None:
    with pytest.raises(ClassifiedMarkerRefused) as refused:
        look(made(kind, f"{PLAIN}\n{MARK}"), kind)

    assert refused.value.clause == "A21.4"
    assert refused.value.params["kind"] == "机密"


@pytest.mark.clause("A21.4")
@pytest.mark.parametrize(
    "data",
    [
        docx(["机", "密★", "10", "年"]),
        docx([PLAIN], more=[("word/header1.xml", f"<hdr><p>{MARK}</p></hdr>")]),
        docx([PLAIN], more=[("docProps/core.xml", f"<core><title>{MARK}</title></core>")]),
        docx([PLAIN], more=[("word/media/a.xml", f'<pic descr="{MARK}"/>')]),
        docx([PLAIN], more=[("word/embeddings/sheet.xlsx", xlsx(MARK))]),
        docx([PLAIN], more=[("word/embeddings/old.bin", MARK.encode("utf-16-le"))]),
        docx([PLAIN], more=[("word/embeddings/odd.bin", b"." + MARK.encode("utf-16-le"))]),
    ],
    ids=["runs", "header", "title", "attribute", "embedded", "object", "odd-object"],
)
def test_a_mark_is_found_wherever_a_document_hides_it(data: bytes) -> None:
    with pytest.raises(ClassifiedMarkerRefused):
        look(data, FileKind.DOCX)


@pytest.mark.clause("A21.4")
def test_a_mark_is_found_in_archives_in_archives_and_in_names() -> None:
    inner = archive(("附件.docx", docx([MARK])))

    for data in (archive(("内.zip", inner)), archive((f"{MARK}.txt", b"."))):
        with pytest.raises(ClassifiedMarkerRefused):
            look(data, FileKind.ZIP)


@pytest.mark.clause("A21.4")
def test_a_mark_in_a_name_written_by_chinese_windows_is_found() -> None:
    name = f"{MARK}.txt".encode("gb18030")
    data = archive(("x" * len(name), b"."))

    with pytest.raises(ClassifiedMarkerRefused):
        look(data.replace(b"x" * len(name), name), FileKind.ZIP)


def test_two_paragraphs_do_not_make_one_mark() -> None:
    assert look(docx(["保守国家秘密"], ["★10年回顾"]), FileKind.DOCX) is FileKind.DOCX


@pytest.mark.parametrize(
    ("data", "name", "declared", "refusal"),
    [
        (pdf(PLAIN), "报告.docx", FileKind.DOCX, FileTypeMismatch),
        (docx([PLAIN]), "报告.zip", FileKind.ZIP, FileTypeMismatch),
        (docx([PLAIN]), "报告.docx", FileKind.XLSX, FileTypeMismatch),
        (archive(("a.txt", b".")), "报告.xlsx", FileKind.XLSX, FileTypeMismatch),
        (PNG, "图.jpg", FileKind.JPEG, FileTypeMismatch),
        (b"MZ\x90\x00\x03", "报告.pdf", FileKind.PDF, FileTypeRefused),
        (b"MZ\x90\x00\x03", "报告.txt", FileKind.TEXT, FileUnreadable),
        (b"<html/>", "page.html", "text/html", FileTypeRefused),
        (pdf(PLAIN), "报告", FileKind.PDF, FileTypeRefused),
        (pdf(PLAIN), "报告.pdf.exe", FileKind.PDF, FileTypeRefused),
        (archive(("tool.exe", b"MZ\x90")), "报告.zip", FileKind.ZIP, FileTypeRefused),
        (b"PK\x03\x04 nothing", "报告.zip", FileKind.ZIP, FileUnreadable),
        (b"%PDF-1.7 nothing", "报告.pdf", FileKind.PDF, FileUnreadable),
        (archive(("a.txt", b".")) + b"MZ tail", "报告.zip", FileKind.ZIP, FileUnreadable),
        (docx(["a"], more=[("word/vbaProject.bin", b"x")]), "a.docx", FileKind.DOCX,
         FileWithProgram),
        (pdf(PLAIN, root="/OpenAction << /S /JavaScript /JS (x) >>"), "a.pdf", FileKind.PDF,
         FileWithProgram),
        (docx(["&lol;"], more=[("word/x.xml", '<!DOCTYPE a [<!ENTITY lol "l">]><a/>')]), "a.docx",
         FileKind.DOCX, FileUnreadable),
    ],
)  # fmt: skip
def test_what_lies_about_its_type_or_cannot_be_read_is_refused(
    data: bytes, name: str, declared: str, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        inspect(data, name=name, declared=declared, limits=Limits())


@pytest.mark.parametrize(
    "name",
    ["../a.txt", "a/../../b.txt", "/etc/a.txt", "C:a.txt", "..\\a.txt", "a\x01.txt", "~/a.txt",
     "a" * 300 + ".txt"],
)  # fmt: skip
def test_a_path_that_leaves_the_archive_is_refused(name: str) -> None:
    with pytest.raises(ArchiveEntryRefused):
        look(archive((name, b".")), FileKind.ZIP)


def test_a_link_is_refused() -> None:
    link = zipfile.ZipInfo("a.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16

    with pytest.raises(ArchiveEntryRefused):
        look(archive((link, b"/etc/passwd")), FileKind.ZIP)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_is_refused() -> None:
    with pytest.raises(ArchiveEntryRefused):
        look(archive(("a.txt", b"."), ("A.TXT", b"!")), FileKind.ZIP)


def test_entries_that_lie_over_each_other_are_refused() -> None:
    data = bytearray(archive(("a.txt", b"." * 500), ("b.txt", b"!" * 500)))
    second = data.rfind(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<I", 0)

    with pytest.raises(ArchiveEntryRefused):
        look(bytes(data), FileKind.ZIP)


def test_an_encrypted_entry_is_refused() -> None:
    data = bytearray(archive(("a.txt", b"secret")))
    for place in (6, data.find(b"PK\x01\x02") + 8):
        data[place] |= 1

    with pytest.raises(FileEncrypted):
        look(bytes(data), FileKind.ZIP)


def test_what_would_unfold_too_far_is_refused_before_it_is_unpacked() -> None:
    bomb = archive(("a.txt", b"0" * 20_000_000))
    many = archive(*((f"{number}.txt", b".") for number in range(30)))
    deep = archive(("a.txt", b"."))
    for _ in range(5):
        deep = archive(("a.zip", deep))
    siblings = archive(*((f"{number}.zip", archive(("a.txt", b"0" * 900))) for number in range(5)))

    assert len(bomb) < 25_000
    for data, limits in (
        (bomb, {"expanded_bytes": 10_000_000}),
        (many, {"entries": 20}),
        (deep, {"depth": 3}),
        (siblings, {"expanded_bytes": 4000}),
    ):
        with pytest.raises(ArchiveTooLarge):
            look(data, FileKind.ZIP, **limits)


def test_a_size_that_is_told_too_small_is_found_out() -> None:
    data = bytearray(archive(("a.txt", b"0" * 100_000)))
    for place in (22, data.find(b"PK\x01\x02") + 24):
        data[place : place + 4] = struct.pack("<I", 10)

    with pytest.raises(FileUnreadable):
        look(bytes(data), FileKind.ZIP)


@given(st.binary(max_size=300), st.sampled_from(sorted(ENDING)))
def test_no_bytes_make_it_fail_in_another_way(data: bytes, kind: FileKind) -> None:
    starts = {FileKind.PDF: b"%PDF-1.7\n", FileKind.ZIP: b"PK\x03\x04"}

    found = verdict(starts.get(kind, b"") + data, kind)

    assert found in (FileKind.TEXT, FileKind.CSV, 415, 422)


@given(st.integers(0, 2000), st.integers(0, 255), st.sampled_from(sorted(ENDING)))
def test_a_broken_file_is_refused_or_read_never_more(place: int, sign: int, kind: FileKind) -> None:
    data = bytearray(made(kind, PLAIN))
    data[place % len(data)] = sign

    found = verdict(bytes(data), kind)

    assert found in (kind, 415, 422)


async def test_a_process_of_its_own_says_the_same() -> None:
    taken = await inspect_apart(
        docx([PLAIN]), name="报告.docx", declared=FileKind.DOCX, limits=Limits()
    )
    with pytest.raises(ClassifiedMarkerRefused) as marked:
        await inspect_apart(docx([MARK]), name="报告.docx", declared=FileKind.DOCX, limits=Limits())
    with pytest.raises(ArchiveEntryRefused) as outside:
        await inspect_apart(
            archive(("../a.txt", b".")), name="a.zip", declared=FileKind.ZIP, limits=Limits()
        )

    assert taken is FileKind.DOCX
    assert marked.value.params == {"kind": "机密", "entry": "/word/document.xml"}
    assert outside.value.params == {"entry": "../a.txt"}


async def test_a_file_that_takes_too_long_ends_its_process_only() -> None:
    slow = archive(*((f"{number}.txt", ("密★" * 2_000_000).encode()) for number in range(16)))

    with pytest.raises(FileUnreadable):
        await inspect_apart(
            slow,
            name="a.zip",
            declared=FileKind.ZIP,
            limits=Limits(seconds=1, expanded_bytes=10**9),
        )


def test_the_bytes_of_a_file_are_not_what_decides_its_lines() -> None:
    told = io.BytesIO(made(FileKind.TEXT, "秘密\n★ 10年"))

    assert look(told.getvalue(), FileKind.TEXT) is FileKind.TEXT
