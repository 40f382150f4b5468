"""dicomrs import-env: make a ClinicRoute from an old .env."""

from pathlib import Path
from typing import Annotated

import typer

from dicomrs.route import ManifestError
from dicomrs.route import import_env as manifest_of
from dicomrs_cli.output import read_file, refused


def import_env(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The old `.env`.", show_default=False)],
    name: Annotated[str, typer.Option(metavar="NAME", help="What the route is to be called.")] = "clinic",
) -> None:
    """Print a ClinicRoute that does what the clinics' old .env did.

    HTR_IP, SCP_PORT, SCP_AET, DICOM_ROOT, TARGET_HOST, TARGET_PORT and TARGET_AET are understood. Comments say which
    values were defaults, and what was left out.

    ```
    dicomrs import-env /opt/old/.env --name hospital-a > /etc/dicomrs/hospital-a.yaml
    ```

    Exit codes:

    - 0: printed.
    - 65: the file cannot be read, or a value in it cannot be used; a line on standard error says which.
    """
    text = read_file(file)
    try:
        manifest = manifest_of(text, name, str(file))
    except ManifestError as error:
        raise refused(error) from error
    typer.echo(manifest, nl=False)
