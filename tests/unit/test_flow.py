"""What came and went by hours, and for how long the disk will do: sums, and what is not known."""

from datetime import datetime, timedelta

import pytest

from dicomrs.flow import flow, full_in
from dicomrs.moments import quarter
from dicomrs.received import FIELD, Received, ReceivedBytes, received

NOW = datetime.fromisoformat("2026-01-22T10:40:00-03:00")
LONG_AGO = NOW - timedelta(days=3)
GIB = 1 << 30


def at(text: str) -> int:
    return quarter(datetime.fromisoformat(f"2026-01-{text}-03:00"))


def test_hours_are_those_of_the_time_zone_and_the_last_is_the_current_one():
    arrivals = {
        at("22T10:00:00"): 3,
        at("22T10:30:00"): 2,
        at("22T09:45:00"): 7,
        at("21T11:00:00"): 1,
        at("21T10:45:00"): 9,
    }
    found = flow(arrivals, {at("22T09:00:00"): 4}, None, NOW)
    assert len(found.hours) == 24
    assert [hour.begin.isoformat() for hour in (found.hours[0], found.hours[-1])] == [
        "2026-01-21T11:00:00-03:00",
        "2026-01-22T10:00:00-03:00",
    ]
    assert [found.hours[index].arrived for index in (0, -2, -1)] == [1, 7, 5]
    assert [hour.delivered for hour in found.hours[-2:]] == [4, 0]
    assert sum(hour.arrived for hour in found.hours) == 13


def test_today_begins_at_midnight_of_the_time_zone():
    found = flow({at("22T00:00:00"): 2, at("21T23:45:00"): 5, at("22T10:30:00"): 1}, {}, None, NOW)
    assert (found.today.begin.isoformat(), found.today.arrived) == ("2026-01-22T00:00:00-03:00", 3)


def test_bytes_are_known_where_they_were_counted_and_where_nothing_came():
    arrivals = {at("22T08:00:00"): 1, at("22T10:00:00"): 1}
    counted = Received(datetime.fromisoformat("2026-01-22T09:20:00-03:00"), {at("22T10:00:00"): 5 * GIB})
    found = flow(arrivals, {}, counted, NOW)
    assert [hour.bytes for hour in found.hours[-4:]] == [0, None, 0, 5 * GIB]
    assert found.today.bytes is None
    assert flow({at("22T10:00:00"): 1}, {}, counted, NOW).today.bytes == 5 * GIB
    assert flow(arrivals, {}, None, NOW).hours[-1].bytes is None


def test_the_disk_does_for_as_long_as_a_day_like_the_last_one_fills_it():
    counted = Received(
        LONG_AGO, {at("22T03:00:00"): 12 * GIB, at("21T12:00:00"): 12 * GIB, at("20T12:00:00"): 99 * GIB}
    )
    assert full_in(31 * GIB, counted, NOW) == timedelta(hours=31)
    assert full_in(0, counted, NOW) == full_in(-GIB, counted, NOW) == timedelta()


def test_a_count_of_less_than_a_day_is_taken_for_what_it_is():
    counted = Received(NOW - timedelta(hours=2), {at("22T10:00:00"): 2 * GIB})
    assert full_in(10 * GIB, counted, NOW) == timedelta(hours=10)


@pytest.mark.parametrize(
    "counted", [None, Received(NOW - timedelta(minutes=59), {at("22T10:30:00"): GIB}), Received(LONG_AGO, {})]
)
def test_of_nothing_no_forecast_is_made(counted):
    assert full_in(GIB, counted, NOW) is None


def test_a_receiver_goes_on_where_the_one_before_has_stopped_and_drops_what_is_old():
    count = ReceivedBytes({}, NOW)
    count.count(100, NOW)
    count.count(150, NOW + timedelta(minutes=10))
    count.count(150, NOW + timedelta(minutes=30))
    assert received({FIELD: count.figures()}) == Received(NOW, {at("22T10:30:00"): 100, at("22T10:45:00"): 50})
    later = NOW + timedelta(hours=2)
    again = ReceivedBytes({FIELD: count.figures()}, later)
    again.count(7, later)
    found = received({FIELD: again.figures()})
    assert found is not None
    assert (found.since, sum(found.bytes.values())) == (NOW, 157)
    again.count(8, NOW + timedelta(hours=60))
    found = received({FIELD: again.figures()})
    assert found is not None
    assert (found.since, list(found.bytes.values())) == (NOW + timedelta(hours=11), [1])


def test_a_clock_that_ran_ahead_and_was_set_right_spoils_no_count():
    ahead = NOW + timedelta(days=400)
    count = ReceivedBytes({}, ahead)
    count.count(100, ahead)
    for one in (count, ReceivedBytes({FIELD: count.figures()}, NOW)):
        one.count(107 if one is count else 7, NOW)
        assert received({FIELD: one.figures()}) == Received(NOW, {quarter(NOW): 7})


@pytest.mark.parametrize(
    "figures",
    [
        {},
        {FIELD: 7},
        {FIELD: {"since": 7, "bytes": {}}},
        {FIELD: {"since": "2026-01-22T10:00:00-03:00", "bytes": [1]}},
        {FIELD: {"since": "2026-01-22T10:00:00-03:00", "bytes": {"1": "many"}}},
        {FIELD: {"since": "2026-01-22T10:00:00-03:00", "bytes": {"1": -1}}},
        {FIELD: {"since": "2026-01-22T10:00:00-03:00", "bytes": {"1": 10**400}}},
    ],
)
def test_a_heartbeat_of_nonsense_tells_nothing(figures):
    assert received(figures) is None
