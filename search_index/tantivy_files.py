"""Comparing tantivy's files with the checksums it writes at their ends but does not read back."""

from __future__ import annotations

import json
import mmap
import struct
import zlib
from pathlib import Path

_META = "meta.json"
PARTS = ("fast", "fieldnorm", "idx", "pos", "store", "term")
_MAGIC = 1337


def check(folder: Path) -> None:
    """Raise ValueError or OSError unless every file of every segment is whole.

    Otherwise a flipped bit could give wrong results, or abort the process.
    """
    while True:
        try:
            meta = (folder / _META).read_text("utf-8")
        except FileNotFoundError:
            if any(folder.glob("*.term")):
                raise
            return
        try:
            for name in _names(meta):
                _check_sum(folder / name)
        except FileNotFoundError:
            # Another process may have committed in between and cleaned up.
            if (folder / _META).read_text("utf-8") == meta:
                raise
        else:
            return


def _names(meta: str) -> list[str]:
    names = []
    try:
        for segment in json.loads(meta)["segments"]:
            stem = segment["segment_id"].replace("-", "")
            names += [f"{stem}.{part}" for part in PARTS]
            if segment["deletes"]:
                names.append(f"{stem}.{segment['deletes']['opstamp']}.del")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{_META} does not name the segments") from error
    return names


def _check_sum(path: Path) -> None:
    """The end of a file: JSON with the body's CRC-32, the JSON's length and a magic number, four bytes each."""
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as content,
    ):
        try:
            length, magic = struct.unpack("<II", content[-8:])
            crc = json.loads(bytes(content[-8 - length : -8]))["crc"]
        except (struct.error, KeyError, TypeError) as error:
            raise ValueError(f"{path.name} is cut off") from error
        with content[: -8 - length] as body:
            if magic != _MAGIC or zlib.crc32(body) != crc:
                raise ValueError(f"{path.name} does not have the checksum it was written with")
