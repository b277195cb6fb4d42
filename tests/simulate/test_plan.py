import json
from collections import defaultdict
from itertools import pairwise

import pytest

from scripts.lab.simulate.kinds import SILENT, Kind
from scripts.lab.simulate.plan import Options, build_plan

PLAN = build_plan(Options(seed=1, wearables=40, seconds=60.0))


def _by_uid():
    webhooks = defaultdict(list)
    for webhook in PLAN.webhooks:
        webhooks[webhook.query["uid"]].append(webhook)
    return webhooks


def _segments(webhook):
    return json.loads(webhook.body)["segments"]


def _letters(text):
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def test_same_seed_makes_the_same_plan():
    assert build_plan(Options(seed=1, wearables=40, seconds=60.0)) == PLAN
    assert build_plan(Options(seed=2, wearables=40, seconds=60.0)) != PLAN


def test_plan_has_every_kind_of_question_and_several_languages():
    assert {asked.kind for asked in PLAN.asked} == set(Kind) - set(SILENT)
    words = " ".join(asked.words for asked in PLAN.asked)
    assert all(part in words for part in ("how", "wie", "quelle", "cuál", "кто", "何"))


def test_webhooks_are_ordered_and_a_wearables_first_sendings_are_a_second_apart():
    moments = [webhook.at_s for webhook in PLAN.webhooks]
    assert moments == sorted(moments)
    for webhooks in _by_uid().values():
        firsts = list({webhook.body: webhook.at_s for webhook in reversed(webhooks)}.values())[::-1]
        assert all(after - before >= 1.0 for before, after in pairwise(firsts))


def test_webhook_is_sent_after_its_last_word_was_spoken():
    for webhooks in _by_uid().values():
        begin_s = min(webhook.at_s - _segments(webhook)[-1]["end"] for webhook in webhooks)
        assert begin_s >= 0.5


def test_voices_take_turns_to_talk():
    for webhooks in _by_uid().values():
        first = {webhook.body: webhook for webhook in reversed(webhooks)}
        spoken = [segment for webhook in list(first.values())[::-1] for segment in _segments(webhook)]
        ends: dict[str, float] = {}
        for segment in spoken:
            others = [end for segment_id, end in ends.items() if segment_id != segment["id"]]
            assert segment["start"] >= max(others, default=0.0) - 0.02
            ends[segment["id"]] = segment["end"]


def test_question_ends_in_the_webhook_that_it_names():
    bodies = {webhook.body for webhook in PLAN.webhooks}
    for asked in PLAN.asked:
        assert asked.body in bodies
        last_word = _letters(asked.words)[-2:]
        said = [_letters(segment["text"]) for segment in json.loads(asked.body)["segments"]]
        assert any(text.endswith(last_word) for text in said)


@pytest.mark.parametrize("kind", [Kind.SPLIT, Kind.WAKE_THEN_WEBHOOK])
def test_question_that_is_cut_is_whole_in_no_webhook(kind):
    cut = [asked for asked in PLAN.asked if asked.kind is kind]

    assert cut
    for asked in cut:
        segments = json.loads(asked.body)["segments"]
        assert all("omi" not in _letters(one["text"]) or asked.kind is Kind.SPLIT for one in segments)
        assert len(segments) == 1


def test_growing_segment_keeps_its_id_and_its_begin():
    growing = [asked for asked in PLAN.asked if asked.kind is Kind.GROWING]

    assert growing
    for asked in growing:
        (whole,) = json.loads(asked.body)["segments"]
        shorter = [
            segment
            for webhook in _by_uid()[asked.uid]
            for segment in _segments(webhook)
            if segment["id"] == whole["id"] and segment["text"] != whole["text"]
        ]
        assert shorter
        assert all(one["start"] == whole["start"] and one["end"] < whole["end"] for one in shorter)


def test_question_that_a_pause_ends_has_no_mark_and_silence_of_its_voice_after_it():
    paused = [asked for asked in PLAN.asked if asked.kind in (Kind.PAUSE, Kind.PAUSE_OTHERS_TALK)]

    assert paused
    for asked in paused:
        (said,) = json.loads(asked.body)["segments"]
        later = [segment for webhook in _by_uid()[asked.uid] for segment in _segments(webhook)]
        own = [one["start"] for one in later if one["speaker"] == said["speaker"] and one["start"] > said["start"]]
        assert not said["text"].endswith(("?", "？"))
        assert min(own, default=said["end"] + 60) - said["end"] > 2.0


def test_repeated_webhooks_are_the_same_with_the_same_key():
    bodies = defaultdict(list)
    for webhook in PLAN.webhooks:
        bodies[webhook.body].append(webhook.headers.get("idempotency-key"))
    repeated = [keys for keys in bodies.values() if len(keys) > 1]

    assert len(repeated) > 10
    assert all(len(keys) == 2 and keys[0] == keys[1] is not None for keys in repeated)


def test_plan_without_questions_asks_nothing():
    plan = build_plan(Options(seed=1, wearables=5, seconds=30.0, kinds=(Kind.MENTION,)))

    assert plan.asked == ()
    assert "Omi" in " ".join(webhook.body for webhook in plan.webhooks)
