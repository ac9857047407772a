"""Millrace on PostgreSQL: the same loop with the same decisions, and what becomes of it when the database goes away."""

import contextlib
import threading
import time

import mlflow
import pytest
import requests
from mlflow.entities import Metric

import postgres as pg
from running import MainJob, Server, replay

pytestmark = pytest.mark.skipif(pg.programs() is None, reason="PostgreSQL is not installed")

# Of a summary: how long things took.
TIMES = {"p50_ms", "p99_ms", "peak_resident_bytes", "predictions_per_second", "seconds"}


@pytest.fixture(scope="module")
def postgres():
    with pg.Postgres() as server:
        yield server


@pytest.fixture
def new_database(postgres):
    """The URI of an empty database."""
    made = []

    def create():
        made.append(postgres.create(f"test_{time.time_ns()}"))
        return made[-1]

    return create


@pytest.fixture
def server(millrace, new_database, tmp_path):
    with Server(millrace, tmp_path / "home", new_database()) as server:
        yield server


def decisions(server):
    """What a server decided, without the ids that are drawn."""
    gates = [{key: gate[key] for key in ("model", "version", "champion_version", "passed", "reason")} for gate in server.list("/api/v1/gates")]
    windows = [{key: window[key] for key in ("window_start", "predictions", "labelled", "version")} for window in server.list("/api/v1/monitors/delays_weekly/windows")]
    alerts = [(alert["alert"], alert["event_time"], alert["value"]) for alert in server.list("/api/v1/alerts")]
    return gates, windows, alerts, server.get("/api/v1/models/delays")["aliases"]


def test_the_main_job_decides_the_same(millrace, flights_project, main_job, new_database, tmp_path):
    with Server(millrace, tmp_path / "home", new_database()) as server:
        server.apply(flights_project)
        summary = replay(server, flights_project, MainJob.UNTIL)
        assert {key: summary[key] for key in summary.keys() - TIMES} == {key: main_job.summary[key] for key in main_job.summary.keys() - TIMES}
        assert decisions(server) == decisions(main_job.server)
        assert not (server.home / "millrace.db").exists()


def test_a_second_server_is_refused(millrace, server, tmp_path):
    refused = millrace("server", "--home", tmp_path / "other", "--db", server.db, "--listen", "127.0.0.1:0")
    assert refused.returncode == 1
    assert f"millrace (pid {server.pid} on " in refused.stderr
    assert "stop it or choose another database with --db" in refused.stderr


def test_a_home_folder_keeps_to_its_database(millrace, server, new_database, tmp_path):
    server.stop()
    other = millrace("server", "--home", server.home, "--db", new_database(), "--listen", "127.0.0.1:0")
    assert "has the files of another database than postgresql://" in other.stderr
    other = millrace("server", "--home", tmp_path / "other", "--db", server.db, "--listen", "127.0.0.1:0")
    assert "are in another home folder than" in other.stderr
    server.start()


def test_a_database_that_is_not_there_is_named_without_its_password(millrace, tmp_path):
    uri = "postgresql://me:secret@127.0.0.1:1/mill"
    refused = millrace("server", "--home", tmp_path / "home", "--db", uri, "--listen", "127.0.0.1:0")
    assert refused.returncode == 1
    assert "cannot open postgresql://me@127.0.0.1:1/mill" in refused.stderr
    assert "secret" not in refused.stderr


class Loggers:
    """Threads that log metrics, each value once, until they are stopped; `kept` is what the server acknowledged."""

    def __init__(self, server, threads=4):
        self.server, self.stop = server, threading.Event()
        client = mlflow.MlflowClient(server.url)
        self.runs = [client.create_run("0").info.run_id for _ in range(threads)]
        self.kept = {run: [] for run in self.runs}
        self.refused = []
        self.threads = [threading.Thread(target=self._log, args=(run,)) for run in self.runs]

    def _log(self, run):
        with requests.Session() as session:
            value = 0
            while not self.stop.is_set():
                value += 1
                body = {"run_id": run, "key": "m", "value": value, "timestamp": value, "step": value}
                with contextlib.suppress(requests.RequestException):
                    answer = session.post(f"{self.server.url}/api/2.0/mlflow/runs/log-metric", json=body, timeout=30)
                    if answer.ok:
                        self.kept[run].append(value)
                    else:
                        self.refused.append((answer.status_code, answer.text))
                        time.sleep(0.01)

    def count(self):
        return sum(map(len, self.kept.values()))

    def wait_for_more(self, rows=200):
        goal, end = self.count() + rows, time.monotonic() + 60
        while self.count() < goal and time.monotonic() < end:
            time.sleep(0.01)
        assert self.count() >= goal, self.refused[-3:]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def missing(self):
        """What was acknowledged and is not there."""
        client = mlflow.MlflowClient(self.server.url)
        return {run: lost for run in self.runs if (lost := set(self.kept[run]) - {metric.value for metric in client.get_metric_history(run, "m")})}


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_the_server_goes_on_when_the_database_is_back(postgres, server, mode):
    pid = server.pid
    with Loggers(server) as loggers:
        loggers.wait_for_more()
        postgres.stop(mode)
        end = time.monotonic() + 30
        while not loggers.refused and time.monotonic() < end:
            time.sleep(0.01)
        postgres.start()
        loggers.wait_for_more()
    assert loggers.missing() == {}
    assert {status for status, _ in loggers.refused} == {503}
    assert all("postgresql://" in text for _, text in loggers.refused)
    assert server.pid == pid
    assert server.process.poll() is None


def test_events_and_pipelines_go_on_when_the_database_is_back(postgres, project, flights_table, server):
    (project / "echo.yaml").write_text("kind: Pipeline\nname: echo\nsteps:\n  - {name: say, run: 'echo hello > $MILLRACE_OUTPUT_O', outputs: [o], cache: false}\n")
    server.apply(project)
    for batch in ("before", "after"):
        server.post(f"/api/v1/datasets/flights/batches?batch_id={batch}", data=flights_table(), headers={"Content-Type": "application/vnd.apache.parquet"})
        server.settle()
        server.run_pipeline("echo")
        if batch == "before":
            postgres.stop("immediate")
            server.request("GET", "/api/v1/runs", expect=503)
            postgres.start()
    events = [event["type"] for event in server.list("/api/v1/events")]
    assert events.count("dataset.version_created") == 2
    assert events.count("pipeline_run.finished") == 2


def test_kill_9_loses_nothing_that_was_acknowledged(server):
    for _ in range(3):
        with Loggers(server) as loggers:
            loggers.wait_for_more()
            server.kill9()
        server.start()
        assert loggers.missing() == {}


def test_the_mlflow_client_sees_no_difference(server, tmp_path):
    client = mlflow.MlflowClient(server.url)
    experiment = client.create_experiment("größe", tags={"a": "b"})
    run = client.create_run(experiment, run_name="first").info.run_id
    client.log_batch(run, metrics=[Metric("loss", 1 / (step + 1), step, step) for step in range(500)])
    client.log_metric(run, "odd", float("nan"))
    client.log_metric(run, "big", float("inf"))
    client.log_param(run, "p", "x")
    client.set_terminated(run)
    found = client.search_runs([experiment], "metrics.loss < 0.01 and params.p = 'x'")
    assert [run.info.run_id for run in found] == [run]
    assert found[0].data.metrics["big"] > 1e308
    assert found[0].data.metrics["odd"] != found[0].data.metrics["odd"]
    assert len(client.get_metric_history(run, "loss")) == 500
    client.create_registered_model("model")
    version = client.create_model_version("model", f"runs:/{run}/model", run)
    client.set_registered_model_alias("model", "champion", version.version)
    assert client.get_model_version_by_alias("model", "champion").run_id == run


def contents(server):
    """What a user sees of a server: to be compared."""
    client = mlflow.MlflowClient(server.url)
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()], max_results=1000)
    histories = {run.info.run_id: len(client.get_metric_history(run.info.run_id, "m")) for run in runs}
    return sorted((run.info.run_id, run.info.run_name, histories[run.info.run_id]) for run in runs), server.list("/api/v1/events")


def test_a_database_is_copied_there_and_back(millrace, new_database, tmp_path):
    uri = new_database()
    with Server(millrace, tmp_path / "home", db=f"sqlite:{tmp_path}/home/millrace.db") as server:
        with Loggers(server) as loggers:
            loggers.wait_for_more(1000)
        refused = millrace("db", "copy", server.db, uri)
        assert "uses the home folder" in refused.stderr
        before = contents(server)
    assert "read again and found the same" in millrace("db", "copy", server.db, uri).stdout
    assert "is not empty" in millrace("db", "copy", server.db, uri).stderr
    (tmp_path / "home/millrace.db").unlink()
    with Server(millrace, tmp_path / "home", uri) as server:
        assert contents(server) == before
        refused = millrace("db", "copy", uri, tmp_path / "home/millrace.db")
        assert f"millrace (pid {server.pid} on " in refused.stderr
    done = millrace("db", "copy", uri, tmp_path / "home/millrace.db")
    assert done.returncode == 0, done.stderr
    with Server(millrace, tmp_path / "home", db=f"sqlite:{tmp_path}/home/millrace.db") as server:
        assert contents(server) == before
