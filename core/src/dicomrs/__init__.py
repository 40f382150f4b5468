"""dicomrs: a DICOM store-and-forward router."""

from importlib.metadata import version
from typing import Final

VERSION: Final = version("dicomrs")
# Who we say we are, in associations and in files (PS3.7 D.3.3.2, PS3.10 7.1). Made once with uuid4 (PS3.5 B.2).
IMPLEMENTATION_UID: Final = "2.25.123698145132150144958515807348661054681"
IMPLEMENTATION_VERSION: Final = f"DICOMRS_{VERSION}"[:16]
