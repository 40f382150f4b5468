"""python -m dicomrs_cli: the `dicomrs` command."""

from dicomrs_cli.main import app

if __name__ == "__main__":
    app()
