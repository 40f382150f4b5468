"""For each rule of the definition the API server takes one manifest and refuses one, in a sentence."""

import json
import re

import pytest

from support.cluster.kind import Cluster
from support.cluster.programs import CallError
from support.crd_cases import CASES
from support.manifests import manifest

APPLY = ("apply", "--dry-run=server", "-f", "-")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_passes_and_one_is_refused(cluster: Cluster, crds: None, case) -> None:
    cluster.kubectl(*APPLY, given=json.dumps(manifest(case.good)))
    with pytest.raises(CallError, match=re.escape(case.message)):
        cluster.kubectl(*APPLY, given=json.dumps(manifest(case.bad)))
