"""What is checked on every page is found where it is wrong."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from support.browsing import PHONE
from support.processes import LOOPBACK

pytestmark = pytest.mark.peer("chromium")
PAGE = """<!doctype html><html lang="en"><head><title>T</title><link rel="icon" href="data:,">{head}</head>
<body><main><h1>Head</h1><p>some text</p>{body}</main></body></html>"""
STRICT = "default-src 'self'; script-src 'nonce-a'; style-src 'nonce-a'; img-src * data:"
TINY = "<style nonce=a>a{display:block;font-size:8px;height:9px}</style>"
# What is wrong: in the head, in the body, and what is said about it.
FAULTS = {
    "inline-script": ("<script>1</script>", "", "Content Security Policy"),
    "inline-style": ("", "<p style='color:red'>x</p>", "Content Security Policy"),
    "complaint": ("<script nonce=a>console.error('oh')</script>", "", "console: oh"),
    "thrown": ("<script nonce=a>nowhere()</script>", "", "script failed: nowhere is not defined"),
    "other-host": ("", '<img alt="" src="http://192.0.2.1/a.png">', "another host is asked"),
    "missing-file": ("", '<img alt="" src="/nothing.png">', "status of 404"),
    "too-wide": ("<style nonce=a>p{width:400px}</style>", "", "px wider"),
    "contrast": ("<style nonce=a>p{color:#ccc}</style>", "", "axe color-contrast"),
    "small-targets": (TINY, "<a href=1>a</a><a href=2>b</a>", "axe target-size"),
    "no-name": ("", "<button></button>", "axe button-name"),
}


class Pages(http.server.BaseHTTPRequestHandler):
    """Each path is a fault's name, or good, or lax: without a policy."""

    def do_GET(self):
        name = self.path[1:]
        head, body, _ = FAULTS.get(name, ("", "", ""))
        self.send_response(200 if name in {*FAULTS, "good", "lax"} else 404)
        self.send_header("Content-Type", "text/html")
        if name != "lax":
            self.send_header("Content-Security-Policy", STRICT)
        self.end_headers()
        self.wfile.write(PAGE.format(head=head, body=body).encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with http.server.ThreadingHTTPServer((LOOPBACK, 0), Pages) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://{LOOPBACK}:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str, origin: str, visit):
    with pytest.raises(AssertionError, match=FAULTS[fault][2]):
        visit(origin, screen=PHONE).open(f"/{fault}")


def test_a_page_without_a_policy_is_found(origin: str, visit):
    with pytest.raises(AssertionError, match="has no strict policy"):
        visit(origin).open("/lax")


def test_a_page_in_order_passes_in_any_way_of_looking(origin: str, visit):
    visit(origin).open("/good")
    visit(origin, dark=True, screen=PHONE, scripts=False, language="pt-BR").open("/good")
