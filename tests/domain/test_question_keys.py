"""The name of a heard question says where it was put."""

import pytest

from omi_actors.domain.hearing.state import build_question_key, read_place


@pytest.mark.parametrize("place", [("s1", 0), ("~2:0a1b", 3), ("a:b:c", 1), ("", 0)])
def test_place_is_read_back_from_the_name_made_of_it(place):
    assert read_place(build_question_key("0b0e1d5e-session", place)) == place
