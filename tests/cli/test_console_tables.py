"""The console tables: the same sections and boxes as in the original dashboard's document."""

import os

from omi_actors.cli.console_tables import ConsoleTables, render_tables

FIGURES = {
    "requests": {"total": 1234, "success": 1200, "failed": 34, "serverErrors": 34},
    "performance": {"avgResponseTime": 145.23, "maxResponseTime": 892.45, "minResponseTime": None},
    "webhooks": {"processed": 567, "failed": 12, "avgProcessingTime": 234.0},
    "database": {"queries": 1000, "errors": 5, "avgQueryTime": 1.5},
    "cache": {"hits": 3, "misses": 1, "hitRate": "75.00%"},
    "queue": {"enqueued": 10, "processed": 9, "failed": 1},
    "errors": {"total": 0, "byType": {}},
    "activeRequests": 0,
}
OF_DOCUMENT = """
================================================================================
SYSTEM METRICS DASHBOARD
================================================================================

📊 REQUEST METRICS
┌────────────────┬────────┐
│ Total Requests │ 1234   │
│ Successful     │ 1200   │
│ Failed         │ 34     │
│ Success Rate   │ 97.24% │
└────────────────┴────────┘

⚡ PERFORMANCE METRICS
┌───────────────────┬──────────┐
│ Avg Response Time │ 145.23ms │
│ Max Response Time │ 892.45ms │
│ Min Response Time │ N/A      │
└───────────────────┴──────────┘

🔗 WEBHOOK METRICS
┌─────────────────────┬──────────┐
│ Processed           │ 567      │
│ Failed              │ 12       │
│ Avg Processing Time │ 234.00ms │
└─────────────────────┴──────────┘
"""


def active(number):
    return {"id": f"{number:02d}345678-more", "method": "GET", "route": "/chat", "stage": "received", "ageMs": 12.5}


def test_tables_begin_as_in_the_document():
    assert render_tables(FIGURES, ()).startswith(OF_DOCUMENT)


def test_tables_have_every_section_and_errors_only_if_there_are_any():
    without, failed = render_tables(FIGURES, ()), {**FIGURES, "errors": {"total": 2, "byType": {"http_5xx": 2}}}

    titles = [line for line in without.splitlines() if line.endswith(" METRICS")]
    assert titles == [
        "📊 REQUEST METRICS",
        "⚡ PERFORMANCE METRICS",
        "🔗 WEBHOOK METRICS",
        "💾 DATABASE METRICS",
        "🗄️ CACHE METRICS",
        "📦 QUEUE METRICS",
    ]
    assert "ERROR BREAKDOWN" not in without
    assert "│ Error Rate     │ 0.50%  │" in without
    assert "❌ ERROR BREAKDOWN\n┌──────────┬───┐\n│ http_5xx │ 2 │" in render_tables(failed, ())


def test_tables_show_the_ten_oldest_active_requests():
    shown = render_tables(FIGURES, [active(number) for number in range(12)])

    rows = [line for line in shown.splitlines() if "/chat" in line]
    assert len(rows) == 10
    assert rows[0] == "│ 00345678   │ GET    │ /chat │ 12.50ms  │"


def test_failed_and_the_rate_count_the_same_and_the_rest_stands_beside_them():
    four = {**FIGURES, "requests": {"total": 10, "success": 6, "failed": 4, "serverErrors": 0}}

    shown = render_tables(four, ())

    assert "│ Failed            │ 0       │" in shown
    assert "│ Refused or Closed │ 4       │" in shown
    assert "│ Success Rate      │ 100.00% │" in shown


def test_tables_of_nothing_have_no_rate():
    nothing = {**FIGURES, "requests": {"total": 0, "success": 0, "failed": 0, "serverErrors": 0}}

    assert "│ Success Rate   │ N/A │" in render_tables(nothing, ())


def test_tables_on_a_terminal_of_ascii_have_plain_boxes(tmp_path):
    odd = {**active(1), "route": "/chät"}

    with (tmp_path / "out").open("w", encoding="ascii") as out:
        ConsoleTables(lambda: (FIGURES, [odd]), out).print_last()

    said = (tmp_path / "out").read_text()
    assert "\nREQUEST METRICS\n+-------------------------+\n| Total Requests | 1234   |\n" in said
    assert "| /ch?t |" in said


def test_text_in_a_table_cannot_steer_the_terminal():
    steering = {**FIGURES, "errors": {"total": 1, "byType": {"\x1b]0;title\x07[red]x": 1}}}

    assert "│ ?]0;title?[red]x │ 1 │" in render_tables(steering, ())


def test_tables_for_a_pipe_that_nobody_reads_hold_up_nothing(monkeypatch):
    monkeypatch.setattr("omi_actors.cli.console_tables._LAST_S", 0.0)
    read, write = os.pipe()
    much = {**FIGURES, "errors": {"total": 1, "byType": {"x" * 190 + str(n): 1 for n in range(500)}}}
    looks: list[int] = []

    def look():
        looks.append(1)
        return much, ()

    with os.fdopen(write, "w", encoding="utf-8") as out:
        tables = ConsoleTables(look, out)
        tables.print_last()
        tables.print_soon()  # the first waits still
        waiting = tables._printing
        assert waiting is not None
        assert len(looks) == 1
        os.close(read)
        waiting.join(10)

    assert not waiting.is_alive()
