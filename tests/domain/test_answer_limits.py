"""An answer that is too long ends where a sentence does, and says that it was cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omi_actors.domain.answers.limits import AnswerRoom, cut_answer
from omi_actors.domain.answers.prompt import estimate_tokens


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("It is far. It is very far. And then it", "It is far. It is very far. …"),
        ("It is 3.84 light-seconds away! Dr. No said 1.", "It is 3.84 light-seconds away! Dr. No said 1. …"),
        ("Is it far from here? It is. At 3.5 km of the", "Is it far from here? It is. …"),
        ("今天天气很好。我们去公园。然后", "今天天气很好。我们去公园。 …"),
        ("Three:\n- one thing\n- another", "Three:\n- one thing …"),
        ("no sentence ends in this text at a", "no sentence ends in this text at …"),
        ("Yes. after it nothing ends for a long while", "Yes. after it nothing ends for a long …"),
        ("onelongword", "onelongword …"),
    ],
)
def test_cut_is_at_a_sentences_end_else_at_a_words(text, cut):
    assert cut_answer(text) == cut


@given(st.lists(st.text(max_size=40), max_size=20), st.integers(1, 60))
def test_room_takes_the_beginning_and_never_more_than_twice_its_tokens(pieces, max_tokens):
    room = AnswerRoom(max_tokens)

    taken = "".join(map(room.take, pieces))

    assert "".join(pieces).startswith(taken)
    assert estimate_tokens(taken) <= 2 * max_tokens
    assert room.is_full == (len(taken) < len("".join(pieces)))
