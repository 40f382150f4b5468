"""The schema of ClinicRoute that the cluster serves, beside the one that this operator was made with."""

from typing import Final

from dicomrs_operator.crd import served_digest
from dicomrs_operator.kube import Api
from dicomrs_operator.routes import API

_PATH: Final = f"/openapi/v3/apis/{API}"

MISSING: Final = (
    "the cluster does not know ClinicRoutes: its administrator installs the chart dicomrs-crds once for all clinics "
    "(helm install dicomrs-crds …), and then this operator starts by itself"
)


class SchemaMissingError(Exception):
    """The cluster has no ClinicRoute."""


async def schema_trouble(api: Api, own: str) -> str:
    """Return why nothing new can be accepted, "" if the cluster's schema is the operator's.

    Where they differ, a field that only one of them knows (an allow-list, say) has vanished from what we read.

    Args:
        api: where to ask.
        own: the digest of the operator's schema.

    Raises:
        SchemaMissingError: the cluster has none.
        ApiError: the API server does not tell.
    """
    document = await api.raw(_PATH)
    if document is None:
        raise SchemaMissingError(MISSING)
    served = served_digest(document)
    if served == own:
        return ""
    return (
        f"the cluster's schema of ClinicRoute ({served or 'without a digest'}) is not that of this release ({own}): "
        "fields may be missing from what is read, so nothing new is accepted; bring the charts dicomrs-crds and "
        "dicomrs to one version"
    )
