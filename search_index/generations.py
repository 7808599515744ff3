"""Where keyword indexes live on disk: numbered generations and a pointer that names the one in use."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .errors import IndexCorrupt

_POINTER = "CURRENT"


class Generations:
    """Folders `g000001`, `g000002`, … under `root`. Changing the pointer is one atomic rename. Raises IndexCorrupt."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise IndexCorrupt(
                f"{root} cannot be a folder of indexes ({error.strerror}). Move away what is there and try again."
            ) from error

    def current(self) -> Path:
        """The folder in use; the first one, where none was chosen yet. Raises IndexCorrupt."""
        pointer = self.root / _POINTER
        try:
            name = pointer.read_text("ascii")
        except FileNotFoundError:
            return self.root / "g000001"
        except (OSError, UnicodeDecodeError) as error:
            raise IndexCorrupt(f"{pointer} cannot be read. Mend it with: matchmaker index rebuild") from error
        folder = self.root / name
        try:
            known = folder in self._folders()
        except OSError:
            known = False
        if not known:
            raise IndexCorrupt(f"{pointer} names no keyword index. Mend it with: matchmaker index rebuild")
        return folder

    def new(self) -> Path:
        """A fresh, empty folder beside the one in use; where all were deleted, beside none."""
        self.root.mkdir(parents=True, exist_ok=True)
        number = max((_number(path) for path in self._folders()), default=0)
        while True:
            number += 1
            folder = self.root / f"g{number:06d}"
            try:
                folder.mkdir()
            except FileExistsError:  # another process was faster
                continue
            return folder

    def use(self, folder: Path) -> None:
        """Point to the folder; keep the one used before it, delete older ones. Raises IndexCorrupt when it is gone."""
        if not folder.is_dir():
            raise IndexCorrupt(f"{folder} is gone. Run the rebuild again.")
        try:
            before = self.current()
        except IndexCorrupt:
            before = folder
        draft = self.root / f".{_POINTER}-{os.getpid()}"
        with draft.open("w") as file:
            file.write(folder.name)
            file.flush()
            # Without this the rename may outlive a power cut that the content does not.
            os.fsync(file.fileno())
        draft.replace(self.root / _POINTER)
        # The rename itself lies in the folder, and the older generation is deleted next.
        handle = os.open(self.root, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        oldest = min(_number(folder), _number(before))
        for old in self._folders():
            # What is newer may be another process's rebuild.
            if _number(old) < oldest:
                self.discard(old)

    def discard(self, folder: Path) -> None:
        """Delete a folder that is not in use."""
        shutil.rmtree(folder, ignore_errors=True)

    def _folders(self) -> list[Path]:
        return [path for path in self.root.iterdir() if path.name[:1] == "g" and path.name[1:].isdigit()]


def _number(folder: Path) -> int:
    return int(folder.name[1:])
