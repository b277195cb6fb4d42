import pytest

from scripts.lab.chaos.__main__ import build_command
from scripts.lab.chaos.page import render_page
from scripts.lab.chaos.run import merge_reports


def _fault(name, *, is_held=True, **figures):
    return {
        "name": name,
        "what": f"what {name} is",
        "promise": "a promise",
        "allowed": "an outcome",
        "settings": {"OPENAI_TIMEOUT": "3000"},
        "seed": 7,
        "is_held": is_held,
        "date": "2026-09-21T10:00:00+00:00",
        "figures": {"accepted": 1_000, "longest_recovery_s": 0.5, **figures},
        "wrongs": [],
    }


def _run(database, *faults, quick=False):
    return {
        "date": "2026-09-21T10:00:00+00:00",
        "commit": "abc",
        "command": "scripts/chaos --minutes 10",
        "database": database,
        "seed": 7,
        "quick": quick,
        "machine": {"cpu": "a cpu"},
        "versions": {"python": "3.11"},
        "faults": faults,
    }


def test_page_sums_counts_and_shows_the_worst_times():
    plays = _fault("kill", lost=1, is_held=False), _fault("kill", longest_recovery_s=2.5, longest_answer_s=None)

    page = render_page([_run("sqlite", *plays)])

    assert "| `kill` | sqlite 1 of 2 | what kill is | a promise | an outcome |" in page
    assert "| `kill` | 2,000 | 0 | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 2.5 | 0 |" in page


def test_page_has_the_command_that_repeats_each_fault():
    page = render_page([_run("sqlite", _fault("kill")), _run("postgres", _fault("kill", kills=5))])

    assert "`scripts/chaos --only kill --database postgres --seed 7`" in page
    assert "sqlite 1 of 1, postgres 1 of 1" in page
    assert "kills 5, OPENAI_TIMEOUT=3000" in page


def test_merged_run_has_the_later_plays_with_their_own_commit_and_nothing_of_forgotten_faults():
    earlier = _run("sqlite", _fault("kill"), _fault("kill", lost=1, is_held=False), _fault("pause"), _fault("gone"))
    later = {**_run("sqlite", _fault("kill")), "command": "scripts/chaos --only kill"}
    later["faults"] = [{**fault, "commit": "def", "command": later["command"]} for fault in later["faults"]]

    merged = merge_reports(earlier, later, ["kill", "pause"])

    assert [(play["name"], play["commit"]) for play in merged["faults"]] == [("pause", "abc"), ("kill", "def")]
    assert (merged["is_held"], merged["commit"]) == (True, "abc")
    (line,) = [line for line in render_page([merged]).splitlines() if "run of its own" in line]
    assert line.endswith("commit def: `scripts/chaos --only kill`")


def test_runs_of_other_machines_or_databases_are_not_merged():
    with pytest.raises(ValueError, match="another database"):
        merge_reports(_run("sqlite"), _run("postgres"), [])


def test_quick_figures_are_not_published():
    with pytest.raises(ValueError, match="mean nothing"):
        render_page([_run("sqlite", quick=True)])


@pytest.mark.parametrize("keep", [["--keep", "/somewhere"], ["--keep=/somewhere"], []])
def test_published_command_names_no_folder_of_the_machine(keep):
    assert build_command(["--seed", "1", *keep, "--quick"]) == "scripts/chaos --seed 1 --quick"


def test_page_shows_what_kills_broke_of_persons_data():
    names = ("lost", "stored_twice", "altered", "came_back", "half_stored", "never_sent", "refused")
    test = {f"people_{name}": 0 for name in (*names, "acknowledged", "repeated", "things", "open")} | {
        "restarts": 10,
        "accepted": 1_000,
        "lost": 0,
        "stored_twice": 0,
        "questions_accepted": 20,
        "answered_once": 20,
        "delivered_twice": 0,
        "longest_recovery_s": 1.5,
        "database": "sqlite",
        "people_altered": 2,
        "people_came_back": 1,
        "people_kinds": {"memory": 4, "task": 2},
        "date": "2026-09-21T10:00:00+00:00",
        "commit": "abc",
        "command": "scripts/kill_test --rounds 10",
        "seed": 7,
    }

    page = render_page([_run("sqlite", _fault("kill"))], [test])

    assert "| sqlite | 10 | 1,000 | 0 | 0 | 20 | 20 | 0 | 0 | 0 | 0 | 0 | 1.5 | 3 |" in page
    assert "- sqlite: acknowledged by kind: memory 4, task 2." in page
    assert "Kills under" not in render_page([_run("sqlite", _fault("kill"))])


def test_page_shows_power_cuts_with_their_circumstances():
    names = ("cuts", "webhooks_acknowledged", "answers_spoken", "memories_kept_or_deleted", "changes_of_files", "syncs")
    power = dict.fromkeys(names, 1_000) | {
        "lost": 0,
        "stored_twice": 1,
        "came_back": 0,
        "said_again": 2,
        "unopened": 3,
        "planted_found_in": 30,
        "planted_cuts": 100,
        "cuts_by_fate": {"torn": 4, "kept": 5},
        "machine": {"cpu": "a cpu", "cores": 2, "memory_gib": 8, "system": "a system"},
        "versions": {"sqlite": "3.45"},
        "date": "2026-09-21T10:00:00+00:00",
        "commit": "abc",
        "command": "scripts/power_cuts",
        "seed": 7,
    }

    page = render_page([_run("sqlite", _fault("kill"))], (), power)

    assert "| 1,000 | 1,000 | 1,000 | 1,000 | 1,000 | 1,000 | 0 | 1 | 0 | 2 | 3 | in 30 of 100 cuts |" in page
    assert "What was not synced: kept 5, torn 4." in page
    assert "Machine: a cpu, 2 cores, 8 GiB, a system. Versions: sqlite 3.45." in page
    assert "commit abc: `scripts/power_cuts`, seed 7." in page


def test_page_shows_storms_with_the_seeds_that_find_planted_faults():
    names = ("storms", "webhooks", "fewest_webhooks", "questions", "heard", "lives", "events")
    storms = dict.fromkeys(names, 1_000) | {
        "storms_with_a_wrong": 2,
        "cpu_s": 3.5,
        "wall_s": 4.5,
        "digest": "d1",
        "plants": {"lost-wake-up": 4},
        "machine": {"cpu": "a cpu", "memory_gib": 8},
        "versions": {"python": "3.11"},
        "date": "2026-09-21T10:00:00+00:00",
        "commit": "abc",
        "command": "scripts/storms --seeds 1000",
    }

    page = render_page([_run("sqlite", _fault("kill"))], (), None, storms)

    assert "| 1,000 | 1,000 | 1,000 | 1,000 | 1,000 | 1,000 | 1,000 | 2 | 3.5 | 4.5 |" in page
    assert "each found: lost-wake-up by seed 4. All events: d1." in page
    assert "commit abc: `scripts/storms --seeds 1000`." in page
