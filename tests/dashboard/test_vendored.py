"""What others wrote is what VENDOR.md says; pages and styles name no other host; and all of it gets installed."""

import hashlib
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.processes import find_program, run

TOP = Path(__file__).parents[2]
SOURCES = TOP / "services/dashboard/src"
PACKAGE = SOURCES / "dicomrs_dashboard"
VENDORS = [PACKAGE / "static/vendor", TOP / "tests/browser/vendor"]
ROW = re.compile(r"^\| `([^`]+)` \| \S+ (\S+) \| [^|]+ \| `([0-9a-f]{64})` \|$", re.MULTILINE)
# A namespace's name is no address that anybody asks.
NAMESPACES = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml")
HOST = re.compile(r"""(?:https?:|["'(\s=])//[\w\[][^\s"')]*""")

each_vendor = pytest.mark.parametrize("folder", VENDORS, ids=["pages", "tests"])


@each_vendor
def test_every_file_is_the_one_that_its_table_names(folder: Path):
    rows = {name: digest for name, _, digest in ROW.findall((folder / "VENDOR.md").read_text(encoding="utf-8"))}
    found = [path for path in folder.rglob("*") if path.is_file() and path.name != "VENDOR.md"]
    assert found
    assert {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found} == rows


@each_vendor
def test_every_folder_bears_its_version_and_has_a_licence(folder: Path):
    for name, version, _ in ROW.findall((folder / "VENDOR.md").read_text(encoding="utf-8")):
        assert Path(name).parts[0].endswith(f"-{version}")
    for package in (path for path in folder.iterdir() if path.is_dir()):
        assert [path for path in package.iterdir() if path.name.startswith("LICENSE")], package


def named_hosts(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    for name in NAMESPACES:
        text = text.replace(name, "")
    if "vendor" in path.parts:  # what they say about themselves is a comment; what a style fetches is not
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return (found[0] for found in HOST.finditer(text))


def test_no_page_and_no_style_names_another_host():
    own = [path for kind in ("html", "css", "js") for path in PACKAGE.rglob(f"*.{kind}") if "vendor" not in path.parts]
    for path in [*own, *VENDORS[0].rglob("*.css")]:
        assert not list(named_hosts(path)), path


@pytest.mark.parametrize(
    "line", ['<script src="https://unpkg.com/x">', "@import '//fonts.example/x'", "url(//a.example/b)", "x=//a.example"]
)
def test_a_host_would_be_found(line: str, tmp_path: Path):
    page = tmp_path / "page.html"
    page.write_text(line)
    assert list(named_hosts(page))


def test_the_package_that_is_installed_has_every_file_of_the_source(tmp_path: Path):
    uv = find_program("uv") or str(TOP / ".make/uv")
    build = ["build", "--quiet", "--wheel", "--package", "dicomrs-dashboard", "--out-dir", tmp_path]
    built = run([uv, "--directory", TOP, *build])
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    kept = run(["git", "-C", TOP, "ls-files", "--", SOURCES]).stdout.split()
    assert kept
    with zipfile.ZipFile(wheel) as packed:
        missing = {str((TOP / name).relative_to(SOURCES)) for name in kept} - set(packed.namelist())
    assert not missing
