import pytest

from scripts.lab.replay.recording import build_request, load_recording, save_recording


def test_recording_comes_back_as_it_was_saved(tmp_path):
    requests = [
        build_request(0.0, "/omi-webhook", {"uid": "u1"}, {"Content-Type": "application/json"}, b'{"segments":[]}'),
        build_request(1.5, "/omi-webhook", {"uid": "u2"}, {}, b"\xff\xfe\x00"),
    ]

    save_recording(tmp_path / "some.jsonl", requests)

    assert load_recording(tmp_path / "some.jsonl") == requests
    assert [request.payload() for request in requests] == [b'{"segments":[]}', b"\xff\xfe\x00"]


def test_recording_leaves_secrets_out(tmp_path):
    query = {"uid": "u1", "token": "s3cret", "key": "s3cret"}
    headers = {
        "Authorization": "Bearer s3cret",
        "X-Omi-Signature": "t=1,v1=s3cret",
        "Cookie": "s3cret",
        "Idempotency-Key": "k",
    }

    save_recording(tmp_path / "some.jsonl", [build_request(0.0, "/omi-webhook", query, headers, b"{}")])

    assert "s3cret" not in (tmp_path / "some.jsonl").read_text()
    assert load_recording(tmp_path / "some.jsonl")[0].headers == {"idempotency-key": "k"}


def test_recording_is_ordered_by_time(tmp_path):
    file = tmp_path / "some.jsonl"
    file.write_text('{"at_s":2,"path":"/b"}\n\n{"at_s":1,"path":"/a"}\n')

    assert [request.path for request in load_recording(file)] == ["/a", "/b"]


@pytest.mark.parametrize("line", ["no json", '{"path":"/a"}', '{"at_s":"soon","path":"/a"}'])
def test_recording_names_the_line_that_is_broken(tmp_path, line):
    file = tmp_path / "some.jsonl"
    file.write_text(f'{{"at_s":1,"path":"/a"}}\n{line}\n')

    with pytest.raises(ValueError, match="line 2"):
        load_recording(file)
