"""Picture files for tests, honest and hostile, made on the spot."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

from PIL import Image

SECRET = b"Nakuru dye house, shed 4"


def picture(format: str = "PNG", size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: Any) -> bytes:
    """A file of one colour."""
    return saved(Image.new(mode, size, 90 if mode in ("L", "P") else "seagreen"), format, **options)


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    """The picture as a file of this format."""
    target = io.BytesIO()
    image.save(target, format, **options)
    return target.getvalue()


def photograph() -> bytes:
    """A JPEG that lies on its side and tells where it was taken, by whom, and a comment."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    exif[0x013B] = SECRET.decode()
    exif.get_ifd(0x8825).update({1: "S", 2: (0.0, 18.0, 11.0), 3: "E", 4: (36.0, 4.0, 0.0)})
    return picture("JPEG", (60, 40), exif=exif, comment=SECRET)


def with_text() -> bytes:
    """A PNG with a text beside its pixels."""
    return with_chunk(picture(), b"tEXt", b"Author\0" + SECRET)


def with_chunk(png: bytes, name: bytes, content: bytes) -> bytes:
    """The PNG with one more chunk behind its header."""
    return png[:33] + _chunk(name, content) + png[33:]


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def header_of(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    content = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", content) + _chunk(b"IEND", b"")


def archive() -> bytes:
    """A ZIP file."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        file.writestr("run.js", "alert(1)")
    return target.getvalue()


#: What must be refused, by what it is.
HOSTILE = {
    "nothing": b"",
    "a vector drawing": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "a plain vector drawing": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "a page": b"<!doctype html><script>alert(1)</script>",
    "noise": bytes(range(256)) * 8,
    "a TIFF": picture("TIFF"),
    "a BMP": picture("BMP"),
    "an ICO": picture("ICO", (32, 32)),
    "a PDF": picture("PDF"),
    "a GIF that is a script": b"GIF89a/*" + bytes(8) + b"*/=1;alert(1)",
    "a GIF with a page behind it": picture("GIF") + b"<ScRiPt>alert(1)</ScRiPt>",
    "a PNG with an archive behind it": picture() + archive(),
    "a JPEG with PHP in its comment": picture("JPEG", comment=b"<?php system('id') ?>"),
    "a PNG cut short": picture(size=(400, 400), mode="RGB")[:-60],
    "a JPEG cut short": picture("JPEG", (400, 400))[:400],
    "a WebP cut short": picture("WEBP", (400, 400))[:-20],
    "only a PNG's beginning": picture()[:20],
    "thirty thousand pixels a side": header_of(30_000, 30_000),
    "seven thousand pixels a side": header_of(7_000, 7_000),
    "no pixel": header_of(0, 10),
    "a PNG whose text unpacks to 100 MB": with_chunk(
        picture(), b"zTXt", b"Author\0\0" + zlib.compress(bytes(100_000_000))
    ),
    "more than 5 MB": picture() + bytes(5 * 1024 * 1024),
}
