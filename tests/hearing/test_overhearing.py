"""Overhearing: the fast path must decide as the full decision does."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omi_actors.domain.hearing.hearing import cut_into_slices, hear, hear_in_full, note_reply
from omi_actors.domain.hearing.overhearing import overhear
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.state import SILENT, HearingOptions, HearingResult, ListenMode, Question

TALK = (
    *("we went home", "and then.", "hey", "Good", "morning.", "oh", "me", "he said", "so um", "o", "promise", "они"),
    *(
        "and then we went to the market because it was raining, they said hey",
        "オ",
        "ミ、今何時",
        "ねえ",
        "“",
        "? ",
        "ok.",
    ),
    *("we talked about the new economics of the market for hours and hours and hours", "हे", "Um. " * 20, "- " * 20),
    *("nobody knew what it was about, but he said it all the same, and then he said good", "hi there -", ".", "ну"),
    *("一二三四五六七八九十" * 8, "word" * 20),
)
ADDRESSED = (
    "homie",
    "only",
    "oh me",
    "what time",
    '"',
    "Omi",
    "hey omi what time is it",
    "Omi, what",
    "is it?",
    "Hey Omi, who is it?",
)


@st.composite
def webhooks(draw, texts):
    """Return some webhooks of segments: speakers, pauses, late ones, longer ones, another conversation."""
    sent, at_s, n = [], 0.0, 0
    for _ in range(draw(st.integers(1, 6))):
        segments = []
        for _ in range(draw(st.integers(0, 4))):
            n += 1
            at_s += draw(st.sampled_from([0.5, 0.5, 2.5, 6.0]))
            start_s = at_s - draw(st.sampled_from([0.0, 0.0, 0.0, 3.0]))
            key = f"k{n - draw(st.sampled_from([0, 0, 0, 0, 1]))}"
            length_s = draw(st.sampled_from([0.4, 0.4, 3.0]))
            conversation = "c" if n < draw(st.sampled_from([30, 30, 3])) else "d"
            text, speaker = draw(st.sampled_from(texts)), draw(st.sampled_from("AAABCD"))
            segments.append(
                StoredSegment(key, n, conversation, text, speaker, None, True, None, start_s, start_s + length_s, at_s)
            )
        sent.append((segments, at_s + 1.0 + draw(st.sampled_from([0.0, 0.0, 12.0]))))
    return sent


@given(webhooks(TALK + ADDRESSED), st.sampled_from(list(ListenMode)))
def test_fast_path_decides_as_the_full_decision(sent, mode):
    options = HearingOptions(mode=mode)
    heard = HearingResult(SILENT, (), None)
    for segments, now_s in sent:
        in_full = hear_in_full(heard.state, segments, now_s, options)
        heard = hear(heard.state, segments, now_s, options)

        assert heard == in_full
        if heard.questions:
            heard = HearingResult(note_reply(heard.state, now_s + 1.0), (), None)


@given(webhooks(TALK))
def test_speech_without_the_name_takes_the_fast_path(sent):
    state = SILENT
    for segments, now_s in sent:
        kept = [piece for utterance in state.open_utterances for piece in utterance.pieces]
        keys = [spoken.key for spoken in (*kept, *segments)]
        text = " ".join(spoken.text for spoken in (*kept, *segments))
        after = overhear(state, segments, now_s, HearingOptions())
        assert after is not None or len(set(keys)) < len(keys) or any(letter in text for letter in "oオ")
        state = hear(state, segments, now_s).state


@given(webhooks(TALK + ADDRESSED), st.integers(1, 3))
@example([([], 1.0)], 1)
def test_webhook_may_be_heard_in_slices(sent, size):
    whole = sliced = SILENT
    for segments, now_s in sent:
        heard = hear(whole, segments, now_s)
        questions = list[Question]()
        for begin in range(0, len(segments), size):
            part = hear(sliced, segments[begin : begin + size], now_s, began_s=segments[0].start_s)
            sliced, questions = part.state, [*questions, *part.questions]
        if segments:
            assert (sliced, questions) == (heard.state, list(heard.questions))
        whole = sliced = heard.state


@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [([], [0]), ([10], [1]), ([10] * 40, [16, 16, 8]), ([4_000] * 5, [2, 2, 1]), ([90_000] * 3, [2, 1])],
)
def test_slices_are_short_and_hold_every_segment_once(lengths, sizes):
    segments = [
        StoredSegment(f"k{n}", n, "c", "x" * length, "A", None, True, None, n, n + 0.5, 1.0)
        for n, length in enumerate(lengths)
    ]

    slices = list(cut_into_slices(segments))

    assert [len(part) for part in slices] == sizes
    assert [segment for part in slices for segment in part] == segments


def test_state_that_holds_nothing_is_shared():
    segment = StoredSegment("k", 1, "c", "We went home.", "A", None, True, None, 0.0, 1.0, 2.0)

    assert hear(SILENT, [segment], 2.0).state is SILENT
    assert hear_in_full(SILENT, [segment], 2.0).state is SILENT
