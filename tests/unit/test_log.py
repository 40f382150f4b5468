"""Log lines: JSON where nobody looks, no patient in a traceback, nothing that steers a terminal, every thread named."""

import json
import subprocess
import sys

PROGRAM = """
import threading
from dicomrs import log
log.configure("scp")
logger = log.get_logger()
try:
    open("/nowhere/20260122T101530_4711_Doe_John/.metadata.json")
except OSError:
    logger.exception("failed")
threading.Thread(target=lambda: logger.info("hello", calling="A\\x1b[2J\\nB")).start()
"""


def lines() -> list[dict[str, str]]:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_traceback_does_not_name_the_patient():
    failed, _ = lines()
    assert "FileNotFoundError" in failed["exception"]
    assert "<study folder>/.metadata.json" in failed["exception"]
    assert "Doe" not in json.dumps(failed)


def test_a_line_of_a_thread_names_the_service_and_is_one_line():
    _, hello = lines()
    assert (hello["service"], hello["event"], hello["calling"]) == ("scp", "hello", r"A\x1b[2J\x0aB")
