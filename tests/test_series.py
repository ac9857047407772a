"""Whole series of metrics in one request, read back by MLflow's client."""

import math
import pathlib
import random
import re

import mlflow
import pytest
import requests
from mlflow.tracking import MlflowClient

from running import Server

DOCUMENT = pathlib.Path(__file__).resolve().parents[1] / "docs" / "arrays.md"


@pytest.fixture(scope="module")
def server(millrace, tmp_path_factory):
    with Server(millrace, tmp_path_factory.mktemp("series") / "home") as running:
        yield running


@pytest.fixture()
def client(server):
    return MlflowClient(server.url)


def log(server, run, *series, status=200):
    answer = requests.post(f"{server.url}/api/v1/runs/{run}/series", json={"series": list(series)}, timeout=60)
    assert answer.status_code == status, answer.text
    return answer.json()


def history(client, run, key):
    return [(point.step, point.value) for point in client.get_metric_history(run, key)]


def test_the_documents_example_works_as_it_stands(server, client):
    example = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1]
    mlflow.set_tracking_uri(server.url)
    try:
        exec(compile(example, str(DOCUMENT), "exec"), {"__name__": "example"})
        run = mlflow.last_active_run()
    finally:
        mlflow.set_tracking_uri(None)
    assert history(client, run.info.run_id, "loss") == [(0, 0.9), (1, 0.5), (2, 0.3)]
    assert history(client, run.info.run_id, "roc.tpr") == [(0, 0.0), (1, 0.8), (2, 1.0)]
    steps, values = zip(*history(client, run.info.run_id, "gpu"))
    assert steps == (0, 30, 60) and values[0] == 61 and math.isnan(values[1]) and run.data.metrics["gpu"] == 64


def test_a_series_of_any_length_is_one_request_and_twice_is_once(server, client):
    run, dice = client.create_run("0").info.run_id, random.Random(3)
    values, times = [dice.random() for _ in range(120_000)], list(range(120_000))
    for _ in range(2):
        assert log(server, run, {"key": "loss", "values": values, "timestamps": times}, {"key": "rate", "values": values[:3000], "first_step": 7, "timestamps": times[:3000]}) == {"series": 2, "points": 123_000}
    assert history(client, run, "loss") == list(enumerate(values))
    assert history(client, run, "rate") == list(enumerate(values[:3000], 7))
    sampled = server.get(f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={run}&metric_key=loss&max_results=320")["metrics"]
    assert len(sampled) in (320, 321) and sampled[-1]["step"] == 119_999
    client.log_metric(run, "loss", 0.25, step=120_000)
    log(server, run, {"key": "loss", "values": values[:5] + [9.0], "steps": [0, 1, 2, 3, 4, 4], "timestamps": [0, 1, 2, 3, 4, 4]})
    assert client.get_run(run).data.metrics["loss"] == 0.25
    assert [f.run_id for f in map(lambda r: r.info, client.search_runs(["0"], "metrics.rate > -1"))] == [run]


def test_all_of_it_or_nothing(server, client):
    run = client.create_run("0").info.run_id
    good = {"key": "good", "values": [1, 2]}
    for wrong in ({"key": "bad", "values": [1, "x"]}, {"key": "../bad", "values": [1]}, {"key": "bad", "values": [1], "steps": []}, {"key": "b" * 300, "values": [1]}):
        assert log(server, run, good, wrong, status=400)["error"]["message"]
    assert client.get_run(run).data.metrics == {}
    assert "series[1].values[1] is not a number" in log(server, run, good, {"key": "bad", "values": [1, "x"]}, status=400)["error"]["message"]
    assert log(server, "0" * 32, good, status=404)
    client.delete_run(run)
    assert log(server, run, good, status=422)
    large = requests.post(f"{server.url}/api/v1/runs/{run}/series", data=b'{"series": [' + b" " * (17 << 20), headers={"Content-Type": "application/json"}, timeout=60)
    assert large.status_code == 413


def test_parts_of_a_curve_follow_each_other(server, client):
    run = client.create_run("0").info.run_id
    log(server, run, {"key": "loss", "values": [0.9, 0.8], "timestamps": [1000, 2000]})
    log(server, run, {"key": "loss", "values": [0.7], "first_step": 2, "timestamps": [3000]})
    log(server, run, {"key": "loss", "values": [0.95, "-inf"], "steps": [-1, 9], "timestamps": [500, 4000]})
    assert [(p.timestamp, p.step) for p in client.get_metric_history(run, "loss")] == [(500, -1), (1000, 0), (2000, 1), (3000, 2), (4000, 9)]
