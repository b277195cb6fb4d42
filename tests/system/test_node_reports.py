"""Several nodes on one database: each tells its state and figures, and any of them answers for all."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from omi_actors.status import nodes as status_nodes
from tests.system.conftest import ADMIN, eventually, stop

pytestmark = pytest.mark.service


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(status_nodes, "PERIOD_S", 0.05)


@pytest.fixture
def nodes(hurried, postgres_url, start, tmp_path):
    """Start node a and node b on one database; both know each other."""

    async def start_nodes(**variables):
        a, b = [
            await start(postgres_url, NODE_NAME=name, DATA_DIR=str(tmp_path / name), **variables) for name in ("a", "b")
        ]
        await eventually(lambda: knows(a, "b"))
        await eventually(lambda: knows(b, "a"))
        return a, b

    return start_nodes


async def knows(program, name):
    return name in [one[0] for one in program.system.nodes.list_reports()]


async def others(program):
    reply = await program.connection.request("GET", "/health", b"", ADMIN)
    return reply.status, reply.json["status"], reply.json["checks"]["other_nodes"]


async def metrics(program, query=""):
    reply = await program.connection.request("GET", f"/metrics{query}", b"", ADMIN)
    assert reply.status == 200
    return {
        family.name: {sample.labels.get("node", ""): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(reply.body.decode())
    }


async def test_any_node_has_the_metrics_of_all_by_name(nodes):
    a, b = await nodes()

    for program in (a, b):
        of_all = await metrics(program, "?nodes=all")
        assert of_all["omi_node_up"] == {"a": 1.0, "b": 1.0}
        assert set(of_all["omi_uptime_seconds"]) == {"a", "b"}


async def test_node_at_an_address_of_its_own_has_its_own_metrics_alone(nodes):
    a, _ = await nodes()

    for query in ("", "?nodes=self"):
        own = await metrics(a, query)
        assert set(own["omi_uptime_seconds"]) == {""}
        assert own["omi_node_up"] == {"": 1.0}


async def test_silent_node_is_down_and_its_old_metrics_are_left_out(nodes, monkeypatch):
    a, b = await nodes()
    monkeypatch.setattr(status_nodes, "SILENT_S", 0.5)
    for task in b.system._tasks:  # it is paused
        task.cancel()

    await eventually(lambda: warns_of(a, "b"))

    of_all = await metrics(a, "?nodes=all")
    assert of_all["omi_node_up"]["b"] == 0.0
    assert set(of_all["omi_uptime_seconds"]) == {"a"}
    code, _, check = await others(a)
    assert (code, check["worst"]) == (200, "b")
    assert check["note"].startswith("node b: it has not reported for ")


async def warns_of(program, name):
    _, _, check = await others(program)
    return check["status"] == "warn" and check["worst"] == name


async def test_node_that_stops_is_not_missed(nodes):
    a, b = await nodes()

    await stop(b)

    await eventually(lambda: is_alone(a))
    assert (await others(a))[2] == {"status": "pass", "nodes": {}}


async def is_alone(program):
    return not await knows(program, "b")


async def test_health_is_that_of_the_worst_node_and_its_code_this_nodes(nodes, monkeypatch):
    a, b = await nodes()
    build = b.system.nodes._build

    def fail():
        report = build()
        report.troubles["store"] = ("fail", "the store has not answered for 8 s")
        return report

    monkeypatch.setattr(b.system.nodes, "_build", fail)
    await eventually(lambda: fails(a))

    code, status, check = await others(a)
    assert (code, status, check["worst"]) == (200, "fail", "b")
    assert check["note"] == "node b: store: the store has not answered for 8 s"
    public = (await a.connection.request("GET", "/health")).json
    assert public["status"] == "fail"
    assert public["checks"]["other_nodes"] == {"status": "fail"}
    assert "node" not in public


async def fails(program):
    return (await others(program))[1] == "fail"


async def test_what_all_nodes_have_is_told_by_each_of_itself_only(nodes):
    a, _ = await nodes()

    _, status, check = await others(a)

    assert status == "warn"  # the demo model, which both have
    assert check["status"] == "pass"


async def test_dashboard_has_a_row_for_each_node_and_one_for_all(nodes):
    a, _ = await nodes()

    page = (await a.connection.request("GET", "/metrics-dashboard/data.json", b"", ADMIN)).json

    first, second, together = page["nodes"]
    assert [first["node"], second["node"], together["node"]] == ["a", "b", ""]
    assert (first["status"], first["silentMs"]) == ("warn", None)
    assert "model" in first["trouble"]
    assert together["count"] == 2
    assert together["memoryBytes"] == first["memoryBytes"] + second["memoryBytes"] > 0


async def test_metrics_are_this_nodes_while_the_store_is_away(nodes, monkeypatch):
    a, _ = await nodes()
    monkeypatch.setattr(status_nodes, "_LOAD_S", 0.0)

    of_all = await metrics(a, "?nodes=all")

    assert of_all["omi_node_up"] == {"a": 1.0}


async def test_node_alone_on_a_file_has_no_other_nodes(start):
    program = await start()

    reply = await program.connection.request("GET", "/health", b"", ADMIN)

    assert "other_nodes" not in reply.json["checks"]
    assert reply.json["node"] == {"name": "local", "status": reply.json["status"]}
