"""The manifest in README.md is one."""

from pathlib import Path

from dicomrs.route import load_manifests

README = Path(__file__).parents[3] / "README.md"


def test_the_manifest_in_the_readme_loads(tmp_path):
    _, _, rest = README.read_text(encoding="utf-8").partition("```yaml\n")
    manifest = tmp_path / "route.yaml"
    manifest.write_text(rest.partition("```")[0], encoding="utf-8")
    (route,) = load_manifests([manifest])
    assert route.spec.destinations[0].ae_title == "ZEROCLICK"
