"""Unpacking a zip archive that was given in place of a folder."""

import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from contract import CallError
from contract.errors import CellbenchError

MARGIN = 1 << 28
"""Bytes that stay free on the disk."""


def unpack(archive: Path, folder: Path, progress: Callable[[int, int, str], None]) -> None:
    """Unpacks all files below `folder`; those that lie there in full size are kept.

    Names that would lead out of the folder stay inside it. Raises CallError for a file that is no
    whole zip archive, and CellbenchError when the disk has no room for what it promises.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            members = [one for one in file.infolist() if not one.is_dir()]
            folder.mkdir(parents=True, exist_ok=True)
            needed = sum(one.file_size for one in members)
            if needed + MARGIN > shutil.disk_usage(folder).free:
                raise CellbenchError(
                    f"{archive} unpacks to {needed >> 20} MB, for which {folder} has no room.",
                    do="choose a folder on another disk",
                )
            for done, member in enumerate(members, start=1):
                place = folder / member.filename
                if not (place.is_file() and place.stat().st_size == member.file_size):
                    file.extract(member, folder)
                progress(done, len(members), f"unpacking {member.filename}")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise CallError(
            f"{archive} is no whole zip archive: {error}.",
            "the download was cut off, it is encrypted, or it is an archive of another kind",
            "fetch it again, or unpack it yourself and give the folder",
        ) from error
