import itertools
import json

from scripts.lab.replay.accept_log import build_promise
from scripts.lab.replay.generator import ConversationGenerator


def _segments(requests):
    return [segment for request in requests for segment in json.loads(request.body)["segments"]]


def test_generator_repeats_itself_with_the_same_seed():
    assert ConversationGenerator(seed=7).take(50) == ConversationGenerator(seed=7).take(50)
    assert ConversationGenerator(seed=7).take(50) != ConversationGenerator(seed=8).take(50)


def test_generator_never_repeats_an_id_or_a_text():
    generator = ConversationGenerator(seed=1)

    segments = _segments(generator.take(300) + generator.take(300))

    assert len({segment["id"] for segment in segments}) == len(segments)
    assert len({segment["text"] for segment in segments}) == len(segments)


def test_generator_spaces_webhooks_evenly():
    requests = ConversationGenerator(seed=1, rate_per_s=10.0).take(3)

    assert [request.at_s for request in requests] == [0.0, 0.1, 0.2]


def test_generator_lets_each_wearables_time_run_on():
    segments = _segments(ConversationGenerator(seed=1, users=1).take(20))

    assert all(one["end"] <= other["start"] for one, other in itertools.pairwise(segments))


def test_generator_asks_a_question_in_about_one_of_ten_webhooks():
    requests = ConversationGenerator(seed=1).take(1000)

    assert 60 < sum(len(build_promise(request).questions) for request in requests) < 150
    assert len({request.query["uid"] for request in requests}) == 20
