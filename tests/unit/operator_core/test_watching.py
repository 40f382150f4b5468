"""A watch that is silent about what a list shows is dead."""

from dicomrs_operator.watching import WatchHealth
from support.clinic_routes import wanted

LATE_SECONDS = 30


def health() -> tuple[WatchHealth, list[float]]:
    now = [0.0]
    return WatchHealth(LATE_SECONDS, lambda: now[0]), now


def test_a_change_that_the_watch_does_not_tell_makes_it_dead_after_a_while() -> None:
    watch, now = health()
    watch.delivered("uid-hospital-a", "0")
    watch.listed([wanted()])
    now[0] = LATE_SECONDS
    watch.listed([wanted()])
    assert watch.trouble() == ""
    now[0] += 1
    watch.listed([wanted()])
    assert "watch" in watch.trouble()
    watch.delivered("uid-hospital-a", "1")
    assert watch.trouble() == ""


def test_silence_about_what_does_not_change_is_no_trouble() -> None:
    watch, now = health()
    watch.delivered("uid-hospital-a", "1")
    for now[0] in range(0, 1000, 10):
        watch.listed([wanted()])
        assert watch.trouble() == ""


def test_what_has_gone_is_forgotten() -> None:
    watch, now = health()
    watch.listed([wanted()])
    now[0] = LATE_SECONDS + 1
    watch.listed([])
    assert watch.trouble() == ""


def test_an_api_server_that_is_not_reached_is_told() -> None:
    watch, now = health()
    now[0] = 2 * LATE_SECONDS + 1
    assert "API server" in watch.trouble()
