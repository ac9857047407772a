"""Clients of the field that have environments of their own (tests/clients), unmodified: KServe's, and Triton's perf_analyzer."""

import csv
import json
import os
import pathlib
import subprocess

import mlflow
import numpy as np
import pytest
import xgboost as xgb
from serving import register, serve

ROOT = pathlib.Path(__file__).resolve().parents[1]
CLIENTS = ROOT / ".venv/clients"
NAMES = ["a", "b", "c"]
ROWS = np.random.default_rng(5).normal(size=(300, 3))


@pytest.fixture(scope="module")
def booster():
    return xgb.train({"nthread": 1}, xgb.DMatrix(ROWS, ROWS.sum(axis=1), feature_names=NAMES), 10)


@pytest.fixture(scope="module")
def served(tracking, booster, tmp_path_factory):
    register(mlflow.xgboost, booster, "plain", pip_requirements=["xgboost"])
    assert serve(tracking, tmp_path_factory.mktemp("clients"), "plain").returncode == 0
    return tracking


def scores(booster, rows):
    return booster.predict(xgb.DMatrix(np.asarray(rows), feature_names=NAMES)).astype(np.float64).tolist()


@pytest.fixture(scope="module")
def heard(served):
    """What KServe's clients heard of the first rows."""
    program = [CLIENTS / "kserve/bin/python", ROOT / "tests/clients/kserve_client.py"]
    done = subprocess.run([*program, served.url, served.grpc, "plain", json.dumps(ROWS[:7].tolist())], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("way", ["json", "binary", "binary output", "v1", "grpc typed", "grpc raw"])
def test_kserves_clients_hear_the_models_scores(heard, booster, way):
    assert heard[way] == scores(booster, ROWS[:7])


def test_kserves_clients_find_the_server_well(heard):
    assert heard["health"] == heard["grpc health"] == [True, True, True]
    assert heard["v1 ready"] is True
    assert heard["id"] == "seven"


def test_kserves_client_is_told_what_is_wrong(heard):
    assert heard["a column short"] == [400, 'endpoint plain needs input "c"']
    assert heard["no such endpoint"] == [404, "endpoint nothing does not exist"]


class PerfAnalyzer:
    """Triton's program for load, asking the endpoint `plain` with the first rows in turn, one a request: of a tensor in JSON it sends but
    the first value, whatever the shape."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        requests = [{name: {"content": values.tolist(), "shape": [1]} for name, values in zip(NAMES, row[:, None])} for row in ROWS[:20]]
        (folder / "rows.json").write_text(json.dumps({"data": requests}))
        libraries = CLIENTS / "perf_analyzer/lib/python3.11/site-packages/nvidia/cuda_runtime/lib"
        self.environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries)}

    def __call__(self, protocol, *options):
        """Its report's line, and every request with its answer."""
        report, profile = self.folder / "report.csv", self.folder / "profile.json"
        place = self.server.url.removeprefix("http://") if protocol == "http" else self.server.grpc
        command = [CLIENTS / "perf_analyzer/bin/perf_analyzer", "-m", "plain", "-i", protocol, "-u", place]
        files = ["--input-data", self.folder / "rows.json", "-f", report, "--profile-export-file", profile]
        done = subprocess.run([*command, *files, *options], env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        return next(csv.DictReader(report.open())), json.loads(profile.read_text())["experiments"][0]["requests"]


@pytest.fixture
def perf_analyzer(served, tmp_path):
    return PerfAnalyzer(served, tmp_path)


LOADS = {"concurrency": ["--concurrency-range", "3"], "rate": ["--request-rate-range", "100"]}
WAYS = {
    "http": ["http"],
    "http json": ["http", "--input-tensor-format=json", "--output-tensor-format=json"],
    "http asynchronous": ["http", "--async"],
    "grpc": ["grpc"],
    "grpc packed": ["grpc", "--grpc-compression-algorithm", "gzip"],
    "grpc streaming": ["grpc", "--streaming", "--async"],
}


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("way", WAYS)
def test_perf_analyzer_measures_an_endpoint(perf_analyzer, served, booster, way, load):
    def answered():
        return served.get("/v2/models/plain/stats")["model_stats"][0]["inference_stats"]["success"]["count"]

    before = answered()
    line, requests = perf_analyzer(*WAYS[way], *LOADS[load], "--request-count", "100")
    assert len(requests) == answered() - before == 100
    assert float(line["Inferences/Second"]) > 0
    assert {"Server Queue", "Server Compute Input", "Server Compute Infer", "Server Compute Output"} <= set(line)
    for request in requests:
        row = [request["request_inputs"][name] for name in NAMES]
        assert [request["response_outputs"][0]["prediction"]] == pytest.approx(scores(booster, [row]), rel=1e-15)  # its JSON is off by a bit


def test_perf_analyzer_searches_until_its_measurements_are_stable(perf_analyzer):
    windows = ["--measurement-mode", "count_windows", "--measurement-request-count", "50", "--stability-percentage", "999"]
    line, requests = perf_analyzer("http", "--concurrency-range", "2", "-x", "1", *windows)
    assert int(line["Concurrency"]) == 2
    assert len(requests) >= 150


def test_perf_analyzer_is_told_what_does_not_exist(perf_analyzer):
    with pytest.raises(AssertionError, match="does not serve version 9"):
        perf_analyzer("http", "-x", "9")
