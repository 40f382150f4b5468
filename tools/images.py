"""Build the project's images, each with its size over the base and its list of parts (SBOM) in dist/.

Usage: python3 tools/images.py [TARGET...], with docker or podman. Environment:
PYTHON_BASE_IMAGE  the image with Python that they are built on; else the one that the Containerfile names
IMAGE_PREFIX       in front of each name: a registry and a folder in it; else localhost
IMAGE_TAG          else the version of the project
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
CONTAINERFILE = TOP / "Containerfile"
LIMITS = {"scp": 100, "scu": 100, "dashboard": 100, "operator": 200}
PARTS = "/opt/dicomrs/sbom.cdx.json"


def main(targets: list[str]) -> None:
    """Build, measure and list; exit 1 where an image is larger than it may be."""
    tool, base, tag = engine(), os.environ.get("PYTHON_BASE_IMAGE") or base_image(), image_tag()
    too_large = []
    for target in targets or LIMITS:
        started, name = time.monotonic(), image_name(target, tag)
        build(tool, target, name, base, tag)
        added = (size(tool, name) - size(tool, base)) / 1e6
        parts = TOP / "dist" / f"dicomrs-{target}-{tag}.cdx.json"
        parts.parent.mkdir(exist_ok=True)
        parts.write_text(call(tool, "run", "--rm", "--network=none", "--entrypoint=cat", name, PARTS))
        say(f"{name}: {added:.0f} MB over the base (at most {LIMITS[target]}), {time.monotonic() - started:.0f} s")
        if added >= LIMITS[target]:
            too_large.append(name)
    if too_large:
        sys.exit(f"larger than they may be: {', '.join(too_large)}")


def build(tool: str, target: str, name: str, base: str, tag: str) -> None:
    """One image; what it is built of is kept by the tool for the next time."""
    arguments = ["--build-arg", f"BASE_IMAGE={base}", "--build-arg", f"VERSION={tag}"]
    call(tool, "build", "-q", "-f", str(CONTAINERFILE), *arguments, "--target", target, "-t", name, str(TOP))


def call(*words: str) -> str:
    """What a command prints; what went wrong is shown, and ends this."""
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"failed with {done.returncode}: {' '.join(words)}")
    return done.stdout.strip()


def say(line: str) -> None:
    """To whoever ran the command."""
    print(line, flush=True)  # noqa: T201 (a command)


def engine() -> str:
    """The program that builds and runs containers: the one that kind is told to use, else the first that works."""
    wanted = os.environ.get("KIND_EXPERIMENTAL_PROVIDER")
    for name in [wanted] if wanted else ["docker", "podman"]:
        # A docker client without its daemon is of no use.
        if shutil.which(name) and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0:
            return name
    sys.exit(f"{wanted or 'neither docker nor podman'} works here; install one, or start its service")


def base_image() -> str:
    """The base that the Containerfile names."""
    return _only(r"^ARG BASE_IMAGE=(\S+)", CONTAINERFILE)


def image_tag() -> str:
    """IMAGE_TAG, or the project's version."""
    return os.environ.get("IMAGE_TAG") or _only(r'^version = "(.+)"', TOP / "core/pyproject.toml")


def image_name(target: str, tag: str) -> str:
    """What the image of a target is called."""
    return f"{os.environ.get('IMAGE_PREFIX') or 'localhost'}/dicomrs-{target}:{tag}"


def size(tool: str, image: str) -> int:
    """Bytes of all layers."""
    return int(call(tool, "image", "inspect", "--format", "{{.Size}}", image))


def _only(pattern: str, file: Path) -> str:
    found = re.search(pattern, file.read_text(), re.MULTILINE)
    assert found is not None, f"{file} has no line {pattern}"
    return found[1]


if __name__ == "__main__":
    main(sys.argv[1:])
