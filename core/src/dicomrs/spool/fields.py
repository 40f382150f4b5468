"""JSON objects in small files, read as anybody may have left them: metadata, reasons, status files."""

import json
from typing import Any

from dicomrs.spool.fs import FileSystem, read_all


def read_fields(fs: FileSystem, path: str, most: int) -> dict[str, Any]:
    """The object in a file.

    Raises:
        OSError: it cannot be read, is no file, or is larger than so many bytes.
        ValueError: it is no object in JSON.
    """
    try:
        found = json.loads(read_all(fs, path, most))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004  # to callers it is nonsense like any other
    return found
