import json
from pathlib import Path

from omi_actors.clock import ManualClock
from scripts.lab.replay.signing import build_signer

VECTOR = json.loads((Path(__file__).parents[1] / "samples" / "omi" / "17_signed_v1_vector.json").read_text())


def test_signature_is_the_one_that_omi_makes():
    sign = build_signer([VECTOR["secret"]], ManualClock(VECTOR["timestamp"]))

    headers = sign(VECTOR["uid"], VECTOR["body_utf8"].encode())

    assert headers["X-Omi-Signature"] == VECTOR["headers"]["X-Omi-Signature"]


def test_two_secrets_make_two_signatures_of_one_time():
    clock = ManualClock(100.0)
    header = build_signer(["one", "two"], clock)("u", b"{}")["X-Omi-Signature"]

    singles = [build_signer([secret], clock)("u", b"{}")["X-Omi-Signature"] for secret in ("one", "two")]
    assert header == ",".join([singles[0], singles[1].partition(",")[2]])
