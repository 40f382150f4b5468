"""`python -m dicomrs_operator.crd FILE` writes the definition; `make generate` calls it."""

import sys
from pathlib import Path

from dicomrs_operator.crd.definition import render

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
