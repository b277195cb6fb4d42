"""Tiles of the operator's page: figures, meanings, states, and the last hour by minutes."""

from omi_actors.instruments.counts import count, gauge, growth
from omi_actors.instruments.latencies import WEBHOOK, Sketch
from omi_actors.instruments.minutes import KEPT, Minute, Minutes
from omi_actors.instruments.readings import Readings
from omi_actors.status.tiles import Figures, build_tiles

NONE = count(Readings({}))


def labels(**pairs):
    return tuple(sorted(pairs.items()))


def tiles(*, total=None, recent=None, gauges=None, minutes=None):
    figures = Figures(
        {**NONE, **(total or {})},
        {**NONE, **(recent or {})},
        gauge(Readings({})) | (gauges or {}),
        minutes or Minutes(0.0),
    )
    return {tile.name: tile for tile in build_tiles(figures)}


def test_quiet_server_has_dashes_and_zeros_and_nothing_warns():
    seen = tiles()

    assert {tile.status for tile in seen.values()} == {"ok"}
    assert seen["answers"].value == seen["webhooks"].value == seen["requests"].value == "0"
    assert seen["p95"].value == seen["success"].value == seen["answer_time"].value == "–"
    assert all(len(tile.series) == KEPT and set(tile.series) == {None} for tile in seen.values())
    assert all(tile.note and tile.label and tile.unit for tile in seen.values())


def test_fifty_refused_webhooks_are_a_failure_with_their_fate():
    webhooks = tiles(recent={"webhooks": 50.0, "refused": 50.0})["webhooks"]

    assert (webhooks.value, webhooks.status) == ("50", "fail")
    assert "0 stored, 50 refused" in webhooks.note


def test_every_fate_of_a_webhook_is_named():
    fates = {"accepted": 9, "repeated": 1, "dropped_in_part": 2, "dropped": 3, "refused": 4, "cut": 5}

    webhooks = tiles(recent={"webhooks": 24.0, **fates})["webhooks"]

    assert "9 stored, 1 repeated, 2 stored in part, 3 dropped, 4 refused, 5 cut off" in webhooks.note
    assert webhooks.status == "warn"


def test_questions_without_an_answer_fail_though_their_requests_did_not():
    seen = tiles(recent={"unanswered": 2.0, "ok": 2.0, "requests": 2.0})

    assert (seen["answers"].status, seen["success"].status, seen["success"].value) == ("fail", "ok", "100.00%")
    assert (seen["errors"].value, "2 questions without an answer" in seen["errors"].note) == ("2", True)


def test_each_request_is_counted_once_and_pages_are_apart():
    counts = {
        labels(route="/omi-webhook", method="POST", status="2xx"): 20.0,
        labels(route="/omi-webhook", method="POST", status="4xx"): 5.0,
        labels(route="/chat", method="POST", status="5xx"): 1.0,
        labels(route="/memories", method="GET", status="3xx"): 1.0,
        labels(route="/chat", method="POST", status="closed"): 1.0,
        labels(route="/metrics-dashboard/data.json", method="GET", status="2xx"): 900.0,
        labels(route="/style.css", method="GET", status="2xx"): 90.0,
    }

    total = count(Readings({"omi_http_requests_total": counts}))
    seen = tiles(total=total, recent=total)

    assert seen["requests"].value == "28"
    assert "21 answered, 5 wrong requests (4xx), 1 failed (5xx), 1 left" in seen["requests"].note
    assert "990 of pages" in seen["requests"].note
    assert (seen["success"].value, seen["success"].status) == ("95.45%", "warn")


def test_sparkline_has_a_number_for_each_minute_and_none_where_no_server_ran():
    minutes = Minutes(0.0)
    for number in range(3):
        minutes.close({"requests": float(number)}, {}, now_s=1_000.0, mono_s=60.0 * (number + 1))
    earlier = Minute(0.0, -300.0, {"requests": 7.0}, {}, {})
    minutes.restore([earlier])

    series = tiles(minutes=minutes)["requests"].series

    assert list(series[-8:]) == [7.0, None, None, None, None, 0.0, 1.0, 2.0]


def test_latencies_of_a_minute_are_milliseconds():
    minutes, sketch = Minutes(0.0), Sketch()
    sketch.add(0.2)
    minutes.restore([Minute(0.0, -60.0, {}, {}, {WEBHOOK: sketch})])

    seen = tiles(minutes=minutes)

    assert abs(seen["p95"].series[-1] - 200) < 5
    assert seen["p95"].value == "198 ms"


def test_growth_of_a_minute_is_what_came_in_it():
    assert growth({"a": 5.0, "b": 1.0}, {"a": 3.0}) == {"a": 2.0, "b": 1.0}
