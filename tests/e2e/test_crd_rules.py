"""For each rule of the definition the API server takes one manifest and refuses one, in a sentence."""

import json

import pytest

from support.crd_cases import CASES, manifest


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_passes_and_one_is_refused(kubectl, case) -> None:
    apply = ("apply", "--dry-run=server", "--filename", "-")
    good = kubectl(*apply, input=json.dumps(manifest(case.good)))
    assert good.returncode == 0, good.stderr
    bad = kubectl(*apply, input=json.dumps(manifest(case.bad)))
    assert bad.returncode != 0
    assert case.message in bad.stderr
