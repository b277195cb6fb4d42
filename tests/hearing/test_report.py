"""Report of hearing: its cases, and the figures that it counts."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from config.settings import load_settings
from omi_actors.domain.hearing.state import HearingOptions
from scripts.lab.hearing.play import Case, Expected, Spoken, Webhook, load_cases, play
from scripts.lab.hearing.score import is_good_enough, judge, render_report

ROOT = Path(__file__).parents[2]
CASES = load_cases(Path(__file__).parent / "cases")
# Classes of the point that they were written for: ends of questions, statements, names, speech that is not meant, and
# questions heard whole.
KINDS = (
    "after a backlog",
    "announced",
    "follow-up",
    "goes on after others",
    "grows",
    "mark missing",
    "others answer",
    "slow speaker",
    "sounds like other words",
    "sounds like the name",
    "spoken about",
    "statement",
    "statement, then question",
    "turns away",
)
LANGUAGES = ("ar", "de", "en", "es", "fr", "hi", "it", "ja", "nl", "pt", "ru", "zh")


# A greeting and the name with a comma and a blank after it, or a comma of a script without blanks.
NAME_AND_COMMA = re.compile(r"([^\W\d_]\S* ?(?:Omi|Оми|ओमी|أومي)),( )|([^\W\d_]{1,5}(?:Omi|オミ))[、，]")


def case(*, expect=(), text="Hey Omi, how far is the moon?"):
    webhook = Webhook(received_at_s=3.0, segments=(Spoken("A", text, 1.0, 2.0, "s"),))
    return Case(id="en-1", kind="plain", webhooks=(webhook,), expect=tuple(Expected(*one) for one in expect))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_25_cases_and_some_held_out(language):
    cases = [case for case in CASES if case.language == language]

    assert len(cases) >= 25
    assert sum(case.is_held_out for case in cases) >= 5


def test_case_ids_are_unique():
    assert len({case.id for case in CASES}) == len(CASES)


def test_more_than_a_third_of_the_cases_is_held_out():
    assert 0.35 <= sum(case.is_held_out for case in CASES) / len(CASES) <= 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_class_has_15_cases_in_every_language_and_some_held_out(kind):
    cases = [case for case in CASES if case.kind == kind]
    held_out = Counter(case.language for case in cases if case.is_held_out)

    assert min(Counter(case.language for case in cases)[language] for language in LANGUAGES) >= 15
    assert min(held_out[language] for language in LANGUAGES) >= 2


def test_hearing_reaches_the_threshold_in_tuned_and_held_out_cases():
    done = subprocess.run(
        [sys.executable, "-m", "scripts.lab.hearing"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "held out" in done.stdout


def test_right_question_scores_in_every_figure():
    assert judge(case(expect=[("how far is the moon?", "at once")])).score.is_perfect


@pytest.mark.parametrize(
    ("expect", "text", "figure"),
    [
        ((), "Hey Omi, how far is the moon?", "precision"),
        ([("how far is the moon?", "at once")], "How far is the moon?", "recall"),
        ([("how far is the moon?", "at once")], "Moon.", "exactly once"),
        ([("how far is the moon now?", "at once")], "Hey Omi, how far is the moon?", "content"),
        ([("how far is the moon?", "after pause")], "Hey Omi, how far is the moon?", "timing"),
    ],
)
def test_error_lowers_its_figure(expect, text, figure):
    assert judge(case(expect=expect, text=text)).score.figures[figure] == 0.0


def test_report_fails_and_names_the_case_when_a_figure_is_low():
    results = [judge(case())]

    assert not is_good_enough(results)
    assert any(line.startswith("en-1: expected [], heard") for line in render_report(results, failures=True))


def test_report_plays_the_names_that_a_server_has_by_default():
    assert HearingOptions().names == load_settings().wake_names


def test_hardly_any_question_is_lost_if_its_recogniser_writes_no_comma_after_the_name():
    cases = [case for case in CASES if case.mode == "TRIGGER" and len(case.webhooks) == len(case.expect) == 1]
    bare = [_without_comma(case) for case in cases if NAME_AND_COMMA.match(case.webhooks[0].segments[0].text)]

    lost = [case.id for case in bare if not play(case)]

    assert len(bare) >= 300
    assert len(lost) <= len(bare) // 100
    assert not {case.id for case in CASES if not case.is_held_out}.intersection(lost)


def _without_comma(case):
    webhook = case.webhooks[0]
    first, *others = webhook.segments
    text = NAME_AND_COMMA.sub(r"\1\2\3", first.text)
    return replace(case, webhooks=(replace(webhook, segments=(replace(first, text=text), *others)),))
