"""Transcript: new segments of a webhook, and the ends of conversations."""

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from omi_actors.domain.hearing.segments import RECENT_LIMIT, RecentSegments, Segment, build_key, build_version, is_blank
from omi_actors.domain.sessions.records import SessionRecord
from omi_actors.domain.sessions.transcript import Growth, Progress, build_progress, decide_growth, possible_keys

T0 = 1_790_000_000.0


def segment(text="hello", sid="a", start=1.0, end=2.0, speaker="SPEAKER_00"):
    return Segment(sid, text, speaker, 0, True, None, start, end)


@pytest.fixture
def ids() -> Iterator[str]:
    return (f"id-{n}" for n in count(1))


def grow(progress: Progress, *segments: Segment, at: float = T0, stored=None) -> Growth:
    numbers = count(progress.last_seq + 100)
    return decide_growth(progress, segments, received_at=at, new_id=lambda: f"c{next(numbers)}", stored=stored)


@pytest.fixture
def empty(ids) -> Progress:
    return build_progress(None, lambda: next(ids))


def test_first_segment_opens_the_first_conversation(empty):
    growth = grow(empty, segment())

    assert growth.new_conversation is not None
    assert growth.new_conversation.number == 1
    assert [(s.seq, s.key, s.conversation_id) for s in growth.fresh] == [
        (1, "a", growth.new_conversation.conversation_id)
    ]


def test_known_id_with_the_same_text_is_a_duplicate(empty):
    heard = grow(empty, segment()).progress

    again = grow(heard, segment())

    assert (again.fresh, again.duplicates) == ((), 1)
    assert again.progress is heard


def test_known_id_with_longer_text_replaces_it(empty):
    heard = grow(empty, segment("remind me")).progress

    longer = grow(heard, segment("remind me who wrote it"))

    assert [s.text for s in longer.fresh] == ["remind me who wrote it"]
    assert (longer.updated, longer.duplicates, longer.new_conversation) == (1, 0, None)


@pytest.mark.parametrize(
    "change", [{"speaker": "SPEAKER_01"}, {"speaker_id": 1}, {"is_user": False}, {"person_id": "p1"}]
)
def test_known_segment_with_another_speaker_is_one_correction_and_no_speech(empty, change):
    heard = grow(empty, segment(), segment("more", "b", 300.0, 301.0)).progress
    relabelled = replace(segment(), **change)

    corrected = grow(heard, relabelled, at=T0 + 60)
    again = grow(corrected.progress, relabelled)

    ((stored,), progress) = corrected.corrected, corrected.progress
    assert (stored.key, getattr(stored, *change)) == ("a", *change.values())
    assert (corrected.fresh, corrected.duplicates, corrected.new_conversation) == ((), 0, None)
    assert (progress.last_seen_at, progress.last_end_s) == (T0, 301.0)
    assert (again.corrected, again.duplicates) == ((), 1)


def test_shorter_version_of_another_speaker_is_an_old_one_and_corrects_nothing(empty):
    heard = grow(empty, segment("hello there")).progress

    late = grow(heard, segment("hello", speaker="SPEAKER_01"))

    assert (late.corrected, late.fresh, late.duplicates) == ((), (), 1)


def test_correction_of_a_segment_that_only_the_store_has_is_recognised(empty):
    heard = grow(empty, segment(), segment("more", "b", 300.0, 301.0)).progress
    forgetful = replace(heard, recent=RecentSegments())

    growth = grow(forgetful, segment(speaker="SPEAKER_01"), stored={"a": build_version(segment())})

    assert [stored.speaker for stored in growth.corrected] == ["SPEAKER_01"]
    assert growth.new_conversation is None


def test_correction_of_a_segment_without_id_keeps_its_place_in_the_conversation_before(empty):
    first = grow(empty, segment("good morning", "")).progress
    later = grow(first, segment("and now", "b", 500.0, 501.0), at=T0 + 600).progress

    growth = grow(later, replace(segment("good morning", ""), person_id="p1"), at=T0 + 601)

    assert later.conversation_number == 2
    assert [stored.key for stored in growth.corrected] == [build_key(segment("good morning", ""), 1)]


def test_duplicate_within_one_webhook_counts_once(empty):
    growth = grow(empty, segment(), segment())

    assert (len(growth.fresh), growth.duplicates) == (1, 1)


@pytest.mark.parametrize("text", ["", "   ", ".", "…!?", "\n"])
def test_speech_without_a_letter_is_blank_and_changes_nothing(empty, text):
    growth = grow(empty, segment(text))

    assert (growth.blank, growth.fresh, growth.progress) == (1, (), empty)


@pytest.mark.parametrize("text", ["4", "да", "はい", "نعم", "हाँ"])
def test_one_word_of_any_script_is_speech(text):
    assert not is_blank(text)


def test_segments_without_id_are_told_apart_by_all_that_they_carry(empty):
    growth = grow(empty, segment("yes", "", 1.0, 1.5), segment("yes", "", 3.0, 3.5), segment("yes", "", 3.0, 3.5))

    assert (len(growth.fresh), growth.duplicates) == (2, 1)


def test_same_words_at_the_same_time_of_a_later_conversation_are_new(empty):
    first = grow(empty, segment("good morning", "", 0.5, 1.5), segment("bye", "", 300.0, 301.0)).progress

    later = grow(first, segment("hello there", "", 0.1, 0.4), at=T0 + 4000)
    again = grow(later.progress, segment("good morning", "", 0.5, 1.5), at=T0 + 4001, stored={})

    assert later.new_conversation is not None
    assert later.new_conversation.number == 2
    # Repeated so late, and in the conversation before: the store would tell, see the next test.
    assert build_key(segment("yes", ""), 1) != build_key(segment("yes", ""), 2)
    assert again.duplicates == 1


def test_late_repetition_known_to_the_store_opens_no_conversation(empty):
    old = segment("good morning", "", 0.5, 1.5)
    heard = grow(empty, old, segment("much later", "", 500.0, 501.0)).progress
    forgetful = replace(heard, recent=RecentSegments())

    guess = grow(forgetful, old)
    informed = grow(forgetful, old, stored=dict.fromkeys(possible_keys((old,), forgetful), build_version(old)))

    assert guess.new_conversation is not None
    assert (informed.new_conversation, informed.fresh, informed.duplicates) == (None, (), 1)


@pytest.mark.parametrize(
    ("last_end", "start", "later_s", "is_new"),
    [
        (96.0, 0.32, 1, True),  # times fall back to about 0
        (96.0, 10.0, 1, True),
        (96.0, 93.0, 1, False),  # out of order within a conversation
        (20.0, 16.0, 1, False),
        (20.0, 15.0, 1, False),
        (20.0, 14.9, 1, True),
        (80.0, 30.0, 1, True),
        (80.0, 30.1, 1, False),
        (160.0, 100.0, 1, False),
        (160.0, 99.9, 1, True),
        (3_600.0, 45.0, 1, True),  # its first pieces were lost
        (96.0, 60.0, 1, False),
        (96.0, 100.0, 119, False),
        (96.0, 100.0, 120, True),  # two minutes of silence by our clock
        (96.0, 216.0, 5, True),  # and by the sender's
    ],
)
def test_conversation_ends_when_times_fall_back_or_after_silence(empty, last_end, start, later_s, is_new):
    before = grow(empty, segment("x", "1", last_end - 1, last_end)).progress

    growth = grow(before, segment("y", "2", start, start + 1), at=T0 + later_s)

    assert (growth.new_conversation is not None) is is_new


def test_times_of_another_conversation_count_from_zero(empty):
    before = grow(empty, segment("x", "1", 95.0, 96.0)).progress

    assert grow(before, segment("y", "2", 0.1, 0.4)).progress.last_end_s == 0.4


def test_webhook_opens_at_most_one_conversation_however_times_jump(empty):
    jumps = [segment("x", str(n), 500.0 * (n % 2), 500.0 * (n % 2) + 1) for n in range(10)]

    growth = grow(empty, *jumps)

    assert growth.progress.conversation_number == 1
    assert len({s.conversation_id for s in growth.fresh}) == 1


def test_memory_of_recent_segments_is_bounded(empty):
    many = [segment("x", str(n), n, n + 1) for n in range(RECENT_LIMIT + 50)]

    progress = grow(empty, *many).progress

    assert len(progress.recent) == RECENT_LIMIT


def test_progress_continues_from_the_record(empty):
    growth = grow(empty, segment())
    record = SessionRecord(
        session_id="s",
        session_key="omi:u",
        uid="u",
        epoch=3,
        conversation_id="c",
        conversation_number=2,
        last_seq=7,
        last_end_s=2.0,
        last_seen_at=T0,
        recent_segments=growth.fresh,
    )

    progress = build_progress(record, lambda: "unused")

    assert (progress.session_id, progress.epoch, progress.last_seq) == ("s", 3, 7)
    assert grow(progress, segment()).duplicates == 1


def test_long_or_odd_sender_ids_become_digests():
    assert len(build_key(segment(sid="x" * 5_000), 1)) < 128
    assert build_key(segment(sid="~1:forged"), 1) != "~1:forged"


segments_strategy = st.lists(
    st.builds(
        segment,
        text=st.sampled_from(["a", "a b", "", "hey"]),
        sid=st.sampled_from(["", "1", "2", "3"]),
        start=st.floats(0, 400),
        end=st.floats(0, 400),
    ),
    max_size=12,
)


@given(segments_strategy, st.data())
def test_sending_everything_twice_stores_nothing_more(heard, data):
    empty = build_progress(None, lambda: "s")
    first = grow(empty, *heard)

    again = grow(first.progress, *data.draw(st.permutations(heard)) if heard else ())

    assert {s.key for s in again.fresh if s.text != ""} <= {s.key for s in first.fresh}


@given(segments_strategy)
def test_seqs_are_contiguous_and_keys_are_stored_with_their_final_text(heard):
    growth = grow(build_progress(None, lambda: "s"), *heard)

    assert [s.seq for s in growth.fresh] == list(range(1, len(growth.fresh) + 1))
    assert growth.progress.last_seq == len(growth.fresh)
    assert len(growth.fresh) + growth.duplicates + growth.blank == len(heard)


def test_segment_without_an_id_may_stand_in_this_conversation_or_in_the_one_before():
    spoken = segment(sid=None)
    third = replace(build_progress(None, lambda: "s"), conversation_number=3)

    assert set(possible_keys((spoken,), third)) == {build_key(spoken, 3), build_key(spoken, 2)}
