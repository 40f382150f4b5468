"""Forms as browsers do not send them."""

import pytest

BODY = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n\\ud800\r\n--x--\r\n'


def send(browser, charset: str) -> int:
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    return browser.post("/login", content=BODY, headers={"content-type": kind, "accept": "text/html"}).status_code


@pytest.mark.parametrize("charset", ["unicode_escape", '"utf-7"', "UTF-16", "no-such-set"])
def test_a_form_in_another_character_set_is_refused(ask, charset):
    assert send(ask().client, charset) == 415


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"'])
def test_a_form_in_utf8_is_taken(ask, charset):
    assert send(ask().client, charset) not in (415, 500)
