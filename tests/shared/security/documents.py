"""Small files of each type, made by hand, so that a test can put anything into them."""

import io
import zipfile
import zlib
from collections.abc import Iterable

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00"
    b"\x90wS\xde\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef"
    b"\x00\x00\x00\x00IEND\xaeB`\x82"
)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def archive(*parts: tuple[str | zipfile.ZipInfo, bytes | str]) -> bytes:
    told = io.BytesIO()
    with zipfile.ZipFile(told, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts:
            file.writestr(name, data, zipfile.ZIP_DEFLATED)
    return told.getvalue()


def docx(*paragraphs: Iterable[str], more: Iterable[tuple[str, bytes | str]] = ()) -> bytes:
    """Each paragraph is its runs: a word processor splits words over them as it likes."""
    body = "".join(
        f"<w:p>{''.join(f'<w:r><w:t>{run}</w:t></w:r>' for run in runs)}</w:p>"
        for runs in paragraphs
    )
    return archive(
        ("[Content_Types].xml", "<Types/>"),
        ("word/document.xml", f'<w:document xmlns:w="{_WORD}">{body}</w:document>'),
        *more,
    )


def xlsx(*strings: str) -> bytes:
    shared = "".join(f"<si><t>{each}</t></si>" for each in strings)
    return archive(
        ("[Content_Types].xml", "<Types/>"),
        ("xl/workbook.xml", "<workbook/>"),
        ("xl/sharedStrings.xml", f"<sst>{shared}</sst>"),
    )


def ofd(text: str) -> bytes:
    page = f"<Page><TextObject><TextCode>{text}</TextCode></TextObject></Page>"
    return archive(("OFD.xml", "<OFD/>"), ("Doc_0/Pages/Page_0/Content.xml", page))


def pdf(text: str, *, root: str = "") -> bytes:
    """One page whose glyph numbers mean nothing without the font's own table, as in real files."""
    signs = sorted(set(text))
    codes = {sign: number for number, sign in enumerate(signs, 1)}
    table = "\n".join(
        f"<{number:04x}> <{sign.encode('utf-16-be').hex()}>" for sign, number in codes.items()
    )
    to_unicode = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "1 begincodespacerange <0000> <ffff> endcodespacerange\n"
        f"{len(signs)} beginbfchar\n{table}\nendbfchar endcmap end end"
    )
    shown = "".join(f"{codes[sign]:04x}" for sign in text)
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {root} >>".encode(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        _stream(f"BT /F1 12 Tf 72 720 Td <{shown}> Tj ET".encode()),
        (
            b"<< /Type /Font /Subtype /Type0 /BaseFont /Song /Encoding /Identity-H"
            b" /DescendantFonts [7 0 R] /ToUnicode 6 0 R >>"
        ),
        _stream(to_unicode.encode()),
        (
            b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Song /CIDSystemInfo"
            b" << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>"
        ),
    ]
    told, places = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(told))
        told += f"{number} 0 obj\n".encode() + each + b"\nendobj\n"
    table_at = len(told)
    told += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    told += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    return (
        told
        + (
            f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{table_at}\n%%EOF\n"
        ).encode()
    )


def _stream(data: bytes) -> bytes:
    packed = zlib.compress(data)
    return b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed)
