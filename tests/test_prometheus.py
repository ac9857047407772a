"""The dashboard and the alert rules that ship, read by a real Prometheus that scrapes real servers."""

import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

import mlflow
import pandas as pd
import pytest
import requests
import yaml
from running import Server
from serving import register
from sklearn.linear_model import LinearRegression

DEPLOY = pathlib.Path(__file__).resolve().parents[1] / "deploy"
RULES = DEPLOY / "prometheus/alerts.yaml"

pytestmark = pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    """Scrapes servers, twice a second."""

    def __init__(self, folder, targets):
        config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())
        config["global"]["scrape_interval"] = "500ms"
        config["scrape_configs"][0]["static_configs"][0]["targets"] = targets
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


SERVING = """
kind: Project
name: served
---
kind: Endpoint
name: heights
model: heights
shadow: [next]
"""


def ask(server, **inputs):
    columns = [{"name": name, "shape": [len(values)], "datatype": "FP64", "data": values} for name, values in inputs.items()]
    return requests.post(f"{server.url}/v2/models/heights/infer", json={"inputs": columns}, timeout=60)


@pytest.fixture(scope="module")
def heights(millrace, tmp_path_factory):
    """A server whose endpoint has all that is measured: a queue, Python workers, a shadow, answers and errors."""
    folder = tmp_path_factory.mktemp("heights")
    with Server(millrace, folder / "home", options=("--python", sys.executable)) as server, contextlib.chdir(folder):
        mlflow.set_tracking_uri(server.url)
        rows = pd.DataFrame({"age": [1.0, 2.0, 3.0]})
        version = register(mlflow.sklearn, LinearRegression().fit(rows, [70, 85, 95]), "heights", input_example=rows)
        mlflow.MlflowClient().set_registered_model_alias("heights", "next", str(version))
        mlflow.set_tracking_uri(None)
        (folder / "project").mkdir()
        (folder / "project/serving.yaml").write_text(SERVING)
        server.apply(folder / "project")
        assert [ask(server, age=[2.0]).status_code, ask(server, ages=[2.0]).status_code] == [200, 400]
        server.request("POST", "/v2/models/heights/infer", expect=400, data="{", headers={"Content-Type": "application/json"})
        yield server


@pytest.fixture(scope="module")
def prometheus(main_job, heights, tmp_path_factory):
    targets = [f"127.0.0.1:{server.port}" for server in (main_job.server, heights)]
    prometheus = Prometheus(tmp_path_factory.mktemp("prometheus"), targets)
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


def test_every_metric_that_is_asked_for_is_exposed(main_job, heights):
    exposed = {name for server in (main_job.server, heights) for name in re.findall(r"^# TYPE (\S+)", server.get("/metrics"), re.M)}
    asked = "\n".join(expr for _, expr in panels()) + "\n" + RULES.read_text()
    names = {re.sub("_(bucket|count|sum)$", "", name) for name in re.findall(r"\b(?:millrace|process)_\w+", asked)}
    assert len(names) > 8
    assert names <= exposed


def test_requests_are_told_by_version_code_and_phase(prometheus):
    of = '{endpoint="heights",version="1",arm="champion",code="%s"}'
    for code in ("OK", "INVALID_ARGUMENT"):
        assert prometheus.await_result("millrace_prediction_seconds_count" + of % code)[0]["value"][1] == "1"
    failures = prometheus.query('millrace_prediction_failures_total{endpoint="heights"}')
    assert {each["metric"]["code"]: each["value"][1] for each in failures if each["value"][1] != "0"} == {"INVALID_ARGUMENT": "2"}  # one was no JSON
    phases = prometheus.query("millrace_prediction_phase_seconds_sum" + of % "OK")
    assert {phase["metric"]["phase"] for phase in phases} == {"queue", "features", "compute", "log"}
    in_all = prometheus.query("millrace_prediction_seconds_sum" + of % "OK")[0]["value"][1]
    assert sum(float(phase["value"][1]) for phase in phases) == pytest.approx(float(in_all))


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
      - {{series: 'millrace_prediction_failures_total{{instance="a", endpoint="delays", code="UNAVAILABLE"}}', values: '0+6x30'}}
      - {{series: 'millrace_prediction_failures_total{{instance="a", endpoint="delays", code="INVALID_ARGUMENT"}}', values: '0+6x30'}}
      - {{series: 'millrace_prediction_seconds_count{{instance="a", endpoint="delays", version="1", arm="champion", code="OK"}}', values: '0+48x30'}}
      - {{series: 'millrace_prediction_seconds_bucket{{instance="a", endpoint="delays", code="OK", le="0.1"}}', values: '0+40x30'}}
      - {{series: 'millrace_prediction_seconds_bucket{{instance="a", endpoint="delays", code="OK", le="0.2"}}', values: '0+48x30'}}
      - {{series: 'millrace_prediction_seconds_bucket{{instance="a", endpoint="delays", code="OK", le="+Inf"}}', values: '0+48x30'}}
      - {{series: 'millrace_queue_refused_total{{instance="a", endpoint="delays"}}', values: '0+60x30'}}
      - {{series: 'millrace_swap_seconds_count{{instance="a", endpoint="delays", outcome="failed"}}', values: '0x10 1x20'}}
      - {{series: 'millrace_worker_restarts_total{{instance="a", model="m/1"}}', values: '0x10 0+1x20'}}
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
              summary: 10% of the requests to endpoint delays fail
              description: "`millrace endpoint show delays` says which version answers and what its problem is."
      - eval_time: 20m
        alertname: MillraceRequestsRefused
      - eval_time: 20m
        alertname: MillracePredictionsSlow
        exp_alerts:
          - exp_labels: {{severity: ticket, instance: a, endpoint: delays}}
            exp_annotations:
              summary: One in a hundred requests to endpoint delays takes more than 194ms
              description: Time in the server, without the network.
      - eval_time: 20m
        alertname: MillraceQueueFull
        exp_alerts:
          - exp_labels: {{severity: page, instance: a, endpoint: delays}}
            exp_annotations:
              summary: Endpoint delays refuses 1 requests a second, since too many wait
              description: "`GET /api/v1/endpoints/delays/stats` says how its requests are batched; it wants more workers, or another server beside this one."
      - eval_time: 9m
        alertname: MillraceSwapFails
      - eval_time: 12m
        alertname: MillraceSwapFails
        exp_alerts:
          - exp_labels: {{severity: ticket, instance: a, endpoint: delays, outcome: failed}}
            exp_annotations:
              summary: Endpoint delays cannot take a version
              description: "The version before goes on serving. `millrace endpoint show delays` says what is wrong."
      - eval_time: 12m
        alertname: MillraceWorkersEnd
      - eval_time: 20m
        alertname: MillraceWorkersEnd
        exp_alerts:
          - exp_labels: {{severity: ticket, instance: a, model: m/1}}
            exp_annotations:
              summary: Python workers of m/1 were started again 9 times in 15 minutes
              description: Every request that such a worker was scoring has failed. The server's log says how they ended.
"""


def test_the_alerts_are_raised_when_they_should_be(tmp_path):
    scenes = tmp_path / "scenes.yaml"
    scenes.write_text(SCENES.format(rules=RULES))
    done = subprocess.run(["promtool", "test", "rules", scenes], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
