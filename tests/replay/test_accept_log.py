import json

import pytest

from scripts.lab.replay.accept_log import AcceptLog, Promise, build_promise, load_promises
from scripts.lab.replay.recording import RecordedRequest

SEGMENTS = [{"id": "s1", "text": "We talked."}, {"text": "without id"}, {"id": "s2", "text": "Hey Omi, is it late?"}]


def _request(body):
    return RecordedRequest(at_s=0.0, path="/omi-webhook", query={"uid": "u1"}, body=json.dumps(body))


@pytest.mark.parametrize("body", [{"session_id": "u1", "segments": SEGMENTS}, SEGMENTS])
def test_promise_holds_segments_with_ids_and_questions(body):
    assert build_promise(_request(body)) == Promise("u1", ("s1", "s2"), ("Hey Omi, is it late?",))


@pytest.mark.parametrize(
    "body", [{}, {"segments": []}, {"segments": None}, [], 7, "text", {"segments": [{"id": "s1", "text": 3}]}]
)
def test_promise_of_an_odd_body_is_empty(body):
    assert build_promise(_request(body)) == Promise("u1", (), ())


def test_accept_log_has_left_the_process_after_each_line(tmp_path):
    file = tmp_path / "accepted.jsonl"

    with AcceptLog(file) as log:
        log.append(Promise("u1", ("s1",), ()))

        assert list(load_promises(file)) == [Promise("u1", ("s1",), ())]


def test_accept_log_goes_on_where_it_was(tmp_path):
    file = tmp_path / "accepted.jsonl"
    for number in (1, 2):
        with AcceptLog(file) as log:
            log.append(Promise("u1", (f"s{number}",), ()))

    assert [promise.segment_ids for promise in load_promises(file)] == [("s1",), ("s2",)]
