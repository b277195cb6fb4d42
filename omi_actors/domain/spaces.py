"""Spaces: what a session's answers are about just now, and what that changes in them.

Not here: switching (actors/session/chat.py), the prompt (domain/answers/prompt.py). Threads: none, pure. Shown in
docs/spaces.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What an answer takes into account. `instruction` follows the general ones.

    Of the tokens that a question may take along (OPENAI_MAX_CONTEXT_TOKENS) it takes the share `room`, of which earlier
    turns may fill `history_share`; the transcript gets the rest, of the latest `segments`. `has_times`: every line of
    the transcript says when it was said.
    """

    name: str
    instruction: str = ""
    segments: int = 60
    room: float = 1.0
    history_share: float = 0.25
    has_times: bool = False


DEFAULT = Space(name="default")

# In the order in which they are told to a caller who asks for another.
SPACES = {
    space.name: space
    for space in (
        DEFAULT,
        Space(
            name="todos",
            instruction=(
                "The person is looking after things to do: answer with what is to be done next, each as one short "
                "step that begins with a verb."
            ),
        ),
        Space(
            name="memories",
            instruction=(
                "The person wants to recall what was said: answer from the transcript, and say when it was said. If "
                "it is not there, say that you find nothing about it."
            ),
            segments=240,
            history_share=0.05,
            has_times=True,
        ),
        Space(
            name="tasks",
            instruction=(
                "The person is planning work: answer as next steps, and say of each who does it and until when, as "
                "far as that was said."
            ),
        ),
        Space(
            name="agent",
            instruction=(
                "The person wants you to work something out: go step by step, then say what you have done and what "
                "is still open. Here you may take more than three sentences."
            ),
            history_share=0.6,
        ),
        Space(
            name="friends",
            instruction="The person is among people: attend to who said what, and name the speaker.",
            segments=120,
            history_share=0.1,
        ),
        Space(
            name="notifications",
            instruction="Answer in one sentence of at most twenty words.",
            segments=20,
            room=0.25,
        ),
    )
}


def find_space(name: str) -> Space:
    """Return the space of this name; an unknown one is the default, since an answer matters more than its form."""
    return SPACES.get(name, DEFAULT)
