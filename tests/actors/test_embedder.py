"""The embedder: bounded texts, and a package that fails."""

import pytest

from omi_actors.actors.embedder import Embedder, EmbedText
from omi_actors.errors import FeatureOffError


def test_long_and_broken_texts_are_cut_to_what_the_model_can_read() -> None:
    embedder = Embedder(lambda: str.encode)

    assert embedder.receive(EmbedText("a\ud800" * 1_000)) == b"a?" * 300


def test_a_package_that_cannot_be_loaded_is_tried_once() -> None:
    loads = []

    def load():
        loads.append(1)
        raise OSError("no memory")

    embedder = Embedder(load)
    for _ in range(3):
        with pytest.raises(FeatureOffError):
            embedder.receive(EmbedText("a"))

    assert loads == [1]


def test_a_text_that_fails_costs_only_itself() -> None:
    def encode(text):
        if text == "bad":
            raise ValueError(text)
        return b"v"

    embedder = Embedder(lambda: encode)
    with pytest.raises(FeatureOffError):
        embedder.receive(EmbedText("bad"))

    assert embedder.receive(EmbedText("good")) == b"v"
