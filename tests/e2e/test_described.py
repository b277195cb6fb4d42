"""The running server answers as its own description says: examples, and a request or two of each address."""

from scripts.lab.fuzz.run import run_all, with_server

# All phases take minutes: scripts/fuzz.
SHORT = ("--phases", "examples,fuzzing", "--max-examples", "1", "--generation-deterministic", "--max-failures", "5")


async def test_server_answers_persons_and_the_operator_as_described(tmp_path):
    async def work(target):
        return await run_all(target, tmp_path, SHORT)

    assert await with_server(tmp_path, work) == []
