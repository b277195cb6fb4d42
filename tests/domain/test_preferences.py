"""Preferences of persons: what is valid, when it is quiet, and the hearing that they make."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from omi_actors.domain.hearing.hearing import hear
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.state import SILENT, HearingOptions, ListenMode, WakeBy
from omi_actors.domain.people.preferences import build_options, enter, find_invalid, read_preferences


def at(clock_time, zone="UTC", day="2026-03-15"):
    """Return UTC seconds of a local time."""
    return dt.datetime.fromisoformat(f"{day}T{clock_time}").replace(tzinfo=ZoneInfo(zone)).timestamp()


def quiet(start, end, **more):
    return read_preferences({"quiet_hours_start": start, "quiet_hours_end": end, **more})


@pytest.mark.parametrize(
    ("start", "end", "clock_time", "is_quiet"),
    [
        ("22:00", "07:00", "23:00", True),
        ("22:00", "07:00", "22:00", True),
        ("22:00", "07:00", "06:59", True),
        ("22:00", "07:00", "07:00", False),
        ("22:00", "07:00", "12:00", False),
        ("9:00", "17:30", "09:00", True),
        ("9:00", "17:30", "17:29", True),
        ("9:00", "17:30", "17:30", False),
        ("8:00", "8:00", "08:00", False),
        ("24:00", "7:00", "01:00", False),
        ("22:00", "7", "23:00", False),
        ("22:", "07:00", "23:00", False),
    ],
)
def test_quiet_hours_may_pass_midnight_and_need_two_valid_times(start, end, clock_time, is_quiet):
    assert quiet(start, end).wants_silence(at(clock_time)) == is_quiet


def test_quiet_hours_are_in_the_persons_time_zone_also_when_its_clocks_change():
    tokyo = quiet("22:00", "07:00", time_zone="Asia/Tokyo")
    assert tokyo.wants_silence(at("23:00", "Asia/Tokyo"))
    assert not tokyo.wants_silence(at("23:00"))

    berlin = quiet("02:00", "03:30", time_zone="Europe/Berlin")
    for day in ("2026-03-28", "2026-03-29", "2026-03-30"):  # clocks go from 2 to 3 on the 29th
        assert berlin.wants_silence(at("03:15", "Europe/Berlin", day))
        assert not berlin.wants_silence(at("03:45", "Europe/Berlin", day))


def test_quiet_hours_rest_when_switched_off_and_mute_needs_none():
    assert not quiet("00:00", "23:59", quiet_hours_enabled=False).wants_silence(at("12:00"))
    assert quiet("00:00", "00:00", mute=True).wants_silence(at("12:00"))


def test_meeting_wants_no_answers_but_is_no_silence():
    meeting = read_preferences({"meeting_transcribe": True})

    assert (meeting.wants_no_answers(0.0), meeting.wants_silence(0.0)) == (True, False)


@pytest.mark.parametrize("zone", ["Europe", "Mars/Base", "../etc/passwd", "/etc/localtime", "utc\u200b", "x" * 60])
def test_time_zone_that_does_not_exist_is_not_valid_yet(zone):
    assert list(find_invalid({"time_zone": zone})) == ["time_zone"]
    assert read_preferences({"time_zone": zone}).time_zone == "UTC"


def test_half_typed_texts_leave_the_nodes_settings_as_they_are():
    defaults = HearingOptions(names=("zorro",), mode=ListenMode.FOLLOWUP, followup_s=3.0, wake_by=WakeBy.OWNER)
    typed = {"activation_regex": "hey (", "wake_names": "x", "followup_window_ms": "9", "language": "d"}

    assert set(find_invalid(typed)) == set(typed)
    assert build_options(defaults, read_preferences(typed)) == defaults
    assert read_preferences(typed).language == ""


def test_valid_preferences_stand_in_place_of_the_nodes_settings():
    entered = {
        "listen_mode": "ALWAYS",
        "followup_window_ms": "9000",
        "wake_names": "Zorro,  Bella B",
        "wake_by": "OWNER",
        "activation_regex": "hey you",
        "activation_sensitivity": 2,
    }

    options = build_options(HearingOptions(), read_preferences(entered))

    assert options == HearingOptions(
        names=("Zorro", "Bella B"),
        mode=ListenMode.ALWAYS,
        followup_s=9.0,
        wake_by=WakeBy.OWNER,
        pattern="hey you",
        sensitivity=2,
    )


def test_no_person_switches_hearing_on_where_the_operator_has_switched_it_off():
    never = HearingOptions(mode=ListenMode.NEVER)

    assert build_options(never, read_preferences({"listen_mode": "ALWAYS"})).mode is ListenMode.NEVER


def test_changes_keep_other_fields_and_empty_ones_clear():
    before = {"language": "de", "wake_names": "Zorro", "mute": True}

    assert enter(before, {"language": "", "wake_names": None, "mute": False}) == {"mute": False}
    assert enter(before, {}) == before


def test_pattern_is_searched_in_each_line_and_not_in_the_words_of_all():
    lines = ["We went home.", "listen what time is it?"]
    segments = [
        StoredSegment(f"s{n}", n, "c", text, f"SPEAKER_{n}", n, False, None, float(n), n + 1.0, 0.0)
        for n, text in enumerate(lines)
    ]

    heard = hear(SILENT, segments, 0.0, HearingOptions(pattern="^listen"))

    assert [question.text for question in heard.questions] == ["what time is it?"]
