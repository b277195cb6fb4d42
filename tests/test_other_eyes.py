"""The files for other programs (Prometheus, Grafana, systemd, nginx, Docker): everything that they name is there."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from config.settings import load_settings
from config.variables import all_variables
from omi_actors.clock import SystemClock
from omi_actors.instruments.metrics import REGISTRY
from scripts.lab.replay.server_process import build_server, find_free_port
from tests.canaries import ADMIN_TOKEN, WEBHOOK_TOKEN
from tests.test_docs import routes_served

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config"
ALERTS = CONFIG / "prometheus" / "alerts.yml"
DASHBOARD = CONFIG / "grafana" / "omi.json"
UNIT = CONFIG / "systemd" / "omi-actors.service"
NGINX = CONFIG / "nginx" / "omi.conf"
DOCKERFILE = ROOT / "Dockerfile"
COMPOSE = ROOT / "compose.yaml"
VARIABLES = set(all_variables())
# Settings of the programs beside ours.
OF_OTHERS = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "THE_SAME_PASSWORD", "PYTHONUNBUFFERED", "SIGTERM"}
# Labels that Prometheus adds.
# `node` comes with the metrics of several nodes (omi_actors/instruments/exposition.py).
OF_PROMETHEUS = {"job", "instance", "le", "node"}


def samples() -> dict[str, set[str]]:
    """Return the labels of each sample of /metrics, by its name."""
    known: dict[str, set[str]] = {"up": set()}
    for metric in REGISTRY._collector_to_names:
        labels = set(metric._labelnames) | OF_PROMETHEUS  # type: ignore[attr-defined]
        known |= dict.fromkeys(REGISTRY._collector_to_names[metric], labels)
    return known


SAMPLES = samples()


def alerts() -> list[dict[str, object]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    yield from (str(rule["expr"]) for rule in alerts())
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


@pytest.mark.parametrize("expression", [*expressions()])
def test_metrics_and_labels_of_an_expression_exist(expression):
    named = re.findall(r"\b(omi_[a-z_]+|up)(?:\{([^}]*)\})?", expression)
    grouped = {label for by in re.findall(r"by \(([^)]*)\)", expression) for label in re.findall(r"\w+", by)}

    assert named
    assert {name for name, _ in named} <= SAMPLES.keys()
    for name, matchers in named:
        assert set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)", matchers)) <= SAMPLES[name] | OF_PROMETHEUS, name
    assert grouped <= set().union(*(SAMPLES[name] for name, _ in named))


def test_every_alert_says_what_is_wrong_and_what_to_do():
    names = [rule["alert"] for rule in alerts()]

    assert len(set(names)) == len(names) > 15
    for rule in alerts():
        notes = rule["annotations"]
        assert isinstance(notes, dict)
        assert len(notes["summary"]) > 20, rule["alert"]
        assert len(notes["description"]) > 30, rule["alert"]
        assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
        shown = set(re.findall(r"\$labels\.(\w+)", " ".join(notes.values())))
        by = re.search(r"by \(([^)]*)\)", str(rule["expr"]))
        kept = set(re.findall(r"\w+", by[1])) if by else set() if "sum(" in str(rule["expr"]) else OF_PROMETHEUS
        assert shown <= kept, f"{rule['alert']} shows a label that its expression does not keep"


def test_dashboard_answers_the_questions_of_an_operator():
    panels = json.loads(DASHBOARD.read_text())["panels"]

    titles = {panel["title"] for panel in panels}
    assert {"Time to answer", "Webhooks by fate", "Jobs by state", "Time of a commit"} <= titles
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert not any(
            other is not panel and other["gridPos"]["y"] == place["y"] and other["gridPos"]["x"] == place["x"]
            for other in panels
        )


@pytest.mark.parametrize("file", [ALERTS, UNIT, NGINX, DOCKERFILE, COMPOSE], ids=lambda file: file.name)
def test_settings_that_a_file_names_exist(file):
    named = re.findall(r"(?<![\w$./@{-])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b", file.read_text())

    # systemd's words for what it forbids are no settings.
    named = [name for name in named if not name.startswith("AF_")]
    assert set(named) - VARIABLES - OF_OTHERS == set()


@pytest.mark.parametrize("file", [DOCKERFILE, COMPOSE, UNIT, NGINX, ALERTS, DASHBOARD], ids=lambda file: file.name)
def test_file_holds_no_secret(file):
    assert re.findall(r"(?i)(?:token|secret|password|api_key)[=:] ?[\w-]{6,}", file.read_text()) == []


def test_service_starts_the_program_and_waits_as_long_as_it_takes_to_stop():
    unit = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if re.match(r"\w+=", line))
    grace_s = load_settings(overrides={"ADMIN_TOKEN": ADMIN_TOKEN, "WEBHOOK_TOKEN": WEBHOOK_TOKEN}).shutdown_grace_s

    assert unit["ExecStart"].endswith("omi-actors serve")
    assert unit["RestartPreventExitStatus"] == "2"
    assert int(unit["TimeoutStopSec"]) > grace_s + 10
    assert unit["ReadWritePaths"] == f"/var/lib/{unit['StateDirectory']}"


def instructions() -> list[tuple[str, str]]:
    lines = re.sub(r"\\\n", " ", DOCKERFILE.read_text()).splitlines()
    pairs = [line.strip().partition(" ") for line in lines if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in pairs]


def test_image_is_made_of_files_that_are_there_and_runs_without_root():
    copied = [rest.split() for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")]
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    named = {name for *names, _ in copied for name in names}

    assert named == allowed
    assert all((ROOT / name).exists() for name in named)
    last_stage = instructions()[[word for word, _ in instructions()].index("FROM", 1) :]
    assert ("USER", "omi") in last_stage
    assert last_stage[-1] == ("CMD", '["omi-actors", "serve"]')
    versions = {rest.split(":")[1].split("-")[0] for word, rest in instructions() if word == "FROM"}
    assert versions == {"3.13"}


@pytest.mark.e2e
async def test_healthcheck_of_the_image_tells_a_server_from_none(tmp_path):
    (check,) = (rest for word, rest in instructions() if word == "HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])
    process, target = build_server(tmp_path, clock=SystemClock())
    await process.start()

    codes = [run_check(command, port) for port in (target.port, find_free_port())]
    await process.stop()

    assert codes == [0, 1]


def run_check(command, port):
    words = [sys.executable, *command[1:]]
    done = subprocess.run(words, env={"PORT": str(port)}, capture_output=True, check=False)  # noqa: S603 (ours)
    return done.returncode


def test_compose_runs_the_server_beside_postgres_and_redis():
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    server = services["server"]

    assert set(services) == {"server", "postgres", "redis"}
    assert set(server["depends_on"]) == {"postgres", "redis"}
    assert all("healthcheck" in services[name] for name in server["depends_on"])
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    secrets = {
        "ADMIN_TOKEN": ADMIN_TOKEN,
        "WEBHOOK_TOKEN": WEBHOOK_TOKEN,
        "DATABASE_URL": "postgres://omi:x@postgres/omi",
    }
    taken = load_settings(overrides={**server["environment"], **secrets})
    assert (taken.is_production, taken.is_postgres) == (True, True)
    assert "/healthz" not in DOCKERFILE.read_text()
    assert "/livez" in routes_served()


def number_in(pattern):
    found = re.search(pattern, NGINX.read_text())
    assert found is not None
    return int(found[1])


def test_proxy_waits_longer_than_a_webhook_and_takes_what_we_take():
    settings = load_settings(overrides={"ADMIN_TOKEN": ADMIN_TOKEN, "WEBHOOK_TOKEN": WEBHOOK_TOKEN})

    assert number_in(r"= /omi-webhook \{[^}]*proxy_read_timeout (\d+)s") > settings.webhook_reply_deadline_s + 1
    assert number_in(r"client_max_body_size (\d+)m") * 1024**2 == settings.max_request_size


def test_proxy_streams_the_routes_that_stream():
    (streams,) = re.findall(r"location ~ \^/\(([^)]*)\)\$ \{[^}]*proxy_buffering off;", NGINX.read_text())

    assert {f"/{path}" for path in streams.split("|")} - {"/metrics-dashboard/events"} <= routes_served()
