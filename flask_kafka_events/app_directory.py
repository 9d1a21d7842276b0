"""Directories of one app, for its user alone."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

_PRIVATE: Final = 0o700


def directory_name(app_name: str) -> str:
    """An app's name as that of a directory, without a dot: what has one in its name is no app's."""
    return quote(app_name, safe="", errors="surrogatepass").replace(".", "%2E")


def make_private(folder: Path) -> None:
    """Make a 0700 directory, or make sure that the one there is ours: in /tmp anybody can put one.

    Raises:
        PermissionError: it is a link, or another user's.
        OSError: it can't be made; the one above it isn't made.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=_PRIVATE)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{folder} is not a directory of this user")
    if stat.S_IMODE(found.st_mode) != _PRIVATE:
        folder.chmod(_PRIVATE)
