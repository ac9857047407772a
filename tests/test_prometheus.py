"""The dashboard and the alert rules that ship, read by a real Prometheus that scrapes a real server."""

import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest
import requests
import yaml

DEPLOY = pathlib.Path(__file__).resolve().parents[1] / "deploy"
RULES = DEPLOY / "prometheus/alerts.yaml"

pytestmark = pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    """Scrapes one server, twice a second."""

    def __init__(self, folder, target):
        config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())
        config["global"]["scrape_interval"] = "500ms"
        config["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
        shutil.copy(RULES, folder / "alerts.yaml")
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self.url = f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={self.url[7:]}"],
            stdout=subprocess.DEVNULL, stderr=(folder / "log").open("w"))

    def get(self, path, **params):
        answer = requests.get(self.url + path, params=params, timeout=30).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression):
        return self.get("/api/v1/query", query=expression)["result"]

    def await_result(self, expression):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException):  # it is starting
                if found := self.query(expression):
                    return found
            time.sleep(0.1)
        raise AssertionError(f"{expression} has no result")

    def stop(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module")
def prometheus(main_job, tmp_path_factory):
    prometheus = Prometheus(tmp_path_factory.mktemp("prometheus"), f"127.0.0.1:{main_job.server.port}")
    yield prometheus
    prometheus.stop()


def panels():
    for panel in json.loads((DEPLOY / "grafana/millrace.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$endpoint", ".*").replace("$__rate_interval", "1m")


def test_the_rules_and_the_configuration_are_valid():
    for command in (["check", "rules", RULES], ["check", "config", DEPLOY / "prometheus/prometheus.yaml"]):
        checked = subprocess.run(["promtool", *command], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_metric_that_is_asked_for_is_exposed(main_job):
    exposed = set(re.findall(r"^# TYPE (\S+)", main_job.server.get("/metrics"), re.M))
    asked = "\n".join(expr for _, expr in panels()) + "\n" + RULES.read_text()
    names = {re.sub("_(bucket|count|sum)$", "", name) for name in re.findall(r"\b(?:millrace|process)_\w+", asked)}
    assert len(names) > 8
    assert names <= exposed


@pytest.mark.parametrize("title", [title for title, _ in panels()])
def test_a_panel_shows_something(prometheus, title):
    for expression in [expr for name, expr in panels() if name == title]:
        assert prometheus.await_result(expression), expression


def test_the_rules_are_loaded_and_quiet_while_all_is_well(prometheus):
    prometheus.await_result("millrace_predictions_total")
    rules = prometheus.get("/api/v1/rules")["groups"][0]["rules"]
    assert {rule["name"] for rule in rules} >= {"MillraceDown", "MillracePredictionsFail", "MillracePredictionsSlow"}
    assert prometheus.get("/api/v1/alerts")["alerts"] == []


SCENES = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'millrace_prediction_failures_total{{instance="a", endpoint="delays"}}', values: '0+6x30'}}
      - {{series: 'millrace_prediction_seconds_count{{instance="a", endpoint="delays"}}', values: '0+60x30'}}
      - {{series: 'up{{job="millrace", instance="a"}}', values: '1x10 0x20'}}
    alert_rule_test:
      - eval_time: 9m
        alertname: MillraceDown
      - eval_time: 20m
        alertname: MillraceDown
        exp_alerts:
          - exp_labels: {{severity: page, job: millrace, instance: a}}
            exp_annotations:
              summary: Millrace at a does not answer
              description: Predictions, tracking and the loop stand still. What was under way goes on by itself at the next start.
      - eval_time: 20m
        alertname: MillracePredictionsFail
        exp_alerts:
          - exp_labels: {{severity: page, instance: a, endpoint: delays}}
            exp_annotations:
              summary: 9.091% of the requests to endpoint delays fail
              description: "`millrace endpoint show delays` says which version answers and what its problem is."
"""


def test_the_alerts_are_raised_when_they_should_be(tmp_path):
    scenes = tmp_path / "scenes.yaml"
    scenes.write_text(SCENES.format(rules=RULES))
    done = subprocess.run(["promtool", "test", "rules", scenes], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
