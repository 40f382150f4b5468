"""Bring uv, the project's package manager, from PyPI: with nothing but python3 and its standard library.

Usage: python3 tools/bootstrap_uv.py TARGET, which becomes the uv program. Debian's python3 comes without pip and venv,
so this takes the wheel itself, checks it against the digest below and unpacks the one file needed.
A machine that has uv already, or a mirror of PyPI only, needs none of this: make UV=/path/to/uv.
"""

import hashlib
import io
import json
import os
import platform
import sys
import urllib.request
import zipfile

VERSION = "0.13.9"
INDEX = "https://pypi.org/simple/uv/"
WHEELS = {  # machine -> platform of the wheel, its SHA-256
    "x86_64": ("manylinux_2_17_x86_64", "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19"),
    "aarch64": ("manylinux_2_17_aarch64", "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe"),
}


def main(target: str) -> None:
    """Write the uv program to target."""
    machine = platform.machine()
    if machine not in WHEELS or platform.libc_ver()[0] != "glibc":
        sys.exit(f"uv for this kind of machine is not known here; install uv {VERSION} and call: make UV=/path/to/uv")
    tag, digest = WHEELS[machine]
    index = urllib.request.Request(INDEX, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(index, timeout=60) as answer:  # noqa: S310 (https)
        files = json.load(answer)["files"]
    start = f"uv-{VERSION}-py3-none-{tag}"
    url = next(file["url"] for file in files if file["filename"].startswith(start))
    with urllib.request.urlopen(url, timeout=300) as answer:  # noqa: S310 (https)
        wheel = answer.read()
    if hashlib.sha256(wheel).hexdigest() != digest:
        sys.exit(f"{url} is not the file that this project was tested with; nothing was installed")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        program = next(name for name in archive.namelist() if name.endswith("scripts/uv"))
        with open(f"{target}.part", "wb") as file:
            file.write(archive.read(program))
    os.chmod(f"{target}.part", 0o755)  # noqa: S103 (a program)
    os.replace(f"{target}.part", target)


if __name__ == "__main__":
    main(sys.argv[1])
