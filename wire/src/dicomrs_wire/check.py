"""What the programs of the checks have in common, which `helm test` runs in the services' own images."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from dicomrs.exits import Exit
from dicomrs.route import ClinicRoute, ManifestError, load_manifests
from dicomrs.route.secrets import Secrets
from dicomrs_wire.echo import Finding, Probe, ask_all

_LONGEST_ANSWER: Final = 400


def check_parser(service: str, description: str) -> argparse.ArgumentParser:
    """The arguments that both checks take."""
    parser = argparse.ArgumentParser(prog=f"python -m dicomrs_{service}.check", description=description)
    parser.add_argument("manifests", nargs="+", metavar="MANIFEST", help="a ClinicRoute file, or a folder of them")
    parser.add_argument(
        "--secrets",
        metavar="FOLDER",
        help="where the secrets are that routes name; without it in secrets/ beside each manifest",
    )
    return parser


def run_check(options: argparse.Namespace, probes: Callable[[Sequence[ClinicRoute], Secrets], Iterable[Probe]]) -> Exit:
    """Ask all probes of the manifests' routes, and print a line for each; whether all answered well.

    A probe that cannot be, which `probes` says by a ValueError, is a wrong command line.
    """
    try:
        routes = load_manifests(options.manifests)
        findings = ask_all(probes(routes, Secrets.beside(options.manifests, options.secrets)))
    except ManifestError as error:
        _say(str(error))
        return Exit.MANIFEST
    except ValueError as error:
        _say(str(error))
        return Exit.USAGE
    for finding in findings:
        _say(_line(finding))
    if not findings:
        _say("no route has anybody to ask")
    return Exit.OK if all(finding.good for finding in findings) else Exit.FAILED


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _line(finding: Finding) -> str:
    to = finding.probe
    # The peer's words must not steer a terminal.
    answer = "".join(sign if sign.isprintable() else "?" for sign in finding.answer[:_LONGEST_ANSWER])
    return (
        f"{'ok' if finding.good else 'FAILED'}: route {to.route}: {to.what}, {to.called} at {to.host} port {to.port}, "
        f"as {to.calling}: {answer} ({finding.milliseconds:.0f} ms)"
    )
