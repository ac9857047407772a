"""OpenLineage in and out: events that its own Python client sends, and those that Millrace tells."""

import datetime
import http.server
import json
import threading
import uuid

import mlflow
import pytest
import requests
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import DatasetEvent, InputDataset, Job, JobEvent, OutputDataset, Run, RunEvent, RunState, StaticDataset
from openlineage.client.facet_v2 import dataset_version_dataset, documentation_job, schema_dataset

PROJECT = """kind: Project
name: mill
clock: event
---
kind: Dataset
name: grain
event_time: at
columns:
  - {name: at, type: timestamp}
  - {name: farm, type: varchar}
"""
BATCH = "at,farm\n2001-01-01T08:00:00Z,north\n2001-01-01T09:00:00Z,south\n"
NOW = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)


@pytest.fixture
def mill(server, tmp_path):
    """A server with a dataset and one batch."""
    (tmp_path / "mill").mkdir()
    (tmp_path / "mill" / "mill.yaml").write_text(PROJECT)
    server.apply(tmp_path / "mill")
    server.post("/api/v1/datasets/grain/batches?batch_id=one", data=BATCH, headers={"Content-Type": "text/csv"})
    return server


@pytest.fixture
def client(mill, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", mill.url)
    return OpenLineageClient()


def bake(state, inputs=(), outputs=(), run=None, at=NOW):
    job = Job("airflow", "bakery.bake", facets={"documentation": documentation_job.DocumentationJobFacet("Bakes bread.")})
    return RunEvent(eventType=state, eventTime=at.isoformat(), run=Run(run or str(uuid.uuid4())), job=job, inputs=list(inputs), outputs=list(outputs), producer="https://bakery.example")


def lineage(server, node, **params):
    graph = server.get("/api/v1/lineage", params={"node": node, **params})
    return {item["id"]: item for item in graph["nodes"]}, {(edge["from"], edge["to"]) for edge in graph["edges"]}


def test_jobs_of_others_are_in_the_graph_and_joined_with_our_data(mill, client):
    bread = OutputDataset("s3://shop", "bread.parquet", facets={"schema": schema_dataset.SchemaDatasetFacet([schema_dataset.SchemaDatasetFacetFields("kilos", "DOUBLE")])})
    client.emit(bake(RunState.START))
    client.emit(bake(RunState.COMPLETE, [InputDataset("millrace", "dataset:grain")], [bread], at=NOW + datetime.timedelta(minutes=5)))
    nodes, edges = lineage(mill, "dataset:grain", direction="downstream")
    assert edges == {("dataset:grain/1", "job:airflow#bakery.bake"), ("job:airflow#bakery.bake", "dataset:s3://shop#bread.parquet")}
    assert nodes["job:airflow#bakery.bake"]["data"]["state"] == "COMPLETE"
    assert nodes["job:airflow#bakery.bake"]["data"]["documentation"] == "Bakes bread."
    assert nodes["dataset:s3://shop#bread.parquet"]["data"]["fields"][0]["name"] == "kilos"
    assert len(mill.get("/api/v1/lineage/openlineage/received")["items"]) == 2


def test_what_mlflow_read_from_there_comes_of_the_job(mill, client, monkeypatch, tmp_path):
    import pandas as pd

    client.emit(bake(RunState.COMPLETE, [InputDataset("millrace", "dataset:grain", facets={"version": dataset_version_dataset.DatasetVersionDatasetFacet("1")})], [OutputDataset("s3://shop", "bread.csv")]))
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(mill.url)
    try:
        with mlflow.start_run() as run:
            mlflow.log_input(mlflow.data.from_pandas(pd.DataFrame({"x": [1.0]}), source="s3://shop/bread.csv", name="bread"))
    finally:
        mlflow.set_tracking_uri(None)
    nodes, _ = lineage(mill, f"run:{run.info.run_id}")
    assert {"dataset:s3://shop#bread.csv", "job:airflow#bakery.bake", "dataset:grain/1"} <= set(nodes)


def test_dataset_and_job_events_are_taken(mill, client):
    client.emit(DatasetEvent(eventTime=NOW.isoformat(), producer="https://x.org", dataset=StaticDataset("hdfs://lake", "/a/b")))
    client.emit(JobEvent(eventTime=NOW.isoformat(), producer="https://x.org", job=Job("dbt", "model.orders"), inputs=[InputDataset("hdfs://lake", "/a/b")]))
    assert lineage(mill, "job:dbt#model.orders")[1] == {("dataset:hdfs://lake#/a/b", "job:dbt#model.orders")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eventTime": "now"}, 'eventTime "now" is no ISO 8601 time'),
        ({"run": {"runId": "7"}}, 'run.runId "7" is no UUID'),
        ({"job": {"namespace": "x"}}, "job.name is missing"),
        ({"inputs": [{"namespace": "x", "name": ""}]}, "inputs[0].name must be a string that is not empty"),
        ({"eventType": "DONE"}, "eventType DONE is none of START"),
        ({"producer": None}, "producer must be a string"),
    ],
)
def test_a_bad_event_is_400_with_what_is_wrong(mill, change, message):
    event = {"eventTime": NOW.isoformat(), "producer": "x", "schemaURL": "y", "run": {"runId": str(uuid.uuid4())}, "job": {"namespace": "a", "name": "b"}, **change}
    assert message in mill.request("POST", "/api/v1/lineage", expect=400, json=event)["error"]["message"]
    assert mill.get("/api/v1/lineage/openlineage/received")["items"] == []


def test_bodies_that_are_no_event_cost_little(mill):
    for body in (b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'"' + b"x" * 500_000 + b'"'):
        assert requests.post(mill.url + "/api/v1/lineage", data=body, headers={"Content-Type": "application/json"}).status_code == 400
    too_large = b'{"x": "' + b"y" * 2_000_000 + b'"}'
    assert requests.post(mill.url + "/api/v1/lineage", data=too_large, headers={"Content-Type": "application/json"}).status_code == 413


def test_ours_are_told_as_a_stream(mill):
    page = mill.get("/api/v1/lineage/openlineage")
    kinds = [(item["job"]["name"], item["eventType"]) for item in page["items"]]
    assert kinds == [("ingest.grain", "START"), ("ingest.grain", "COMPLETE")]
    output = page["items"][1]["outputs"][0]
    assert (output["namespace"], output["name"], output["facets"]["version"]["datasetVersion"]) == ("millrace", "dataset:grain", "1")
    assert output["facets"]["schema"]["fields"] == [{"name": "at", "type": "timestamp"}, {"name": "farm", "type": "varchar"}]
    assert page["next"] is None
    again = mill.get("/api/v1/lineage/openlineage", params={"after": page["position"]})
    assert again["items"] == [] and again["position"] == page["position"]


def test_mlflows_runs_and_versions_are_told(mill, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(mill.url)
    try:
        with mlflow.start_run() as run:
            pass
        client = mlflow.MlflowClient()
        client.create_registered_model("bread")
        client.create_model_version("bread", "s3://b/m", run_id=run.info.run_id)
    finally:
        mlflow.set_tracking_uri(None)
    told = {(item["job"]["name"], item["eventType"]): item for item in mill.get("/api/v1/lineage/openlineage")["items"]}
    assert told["experiment.Default", "COMPLETE"]["run"]["runId"].replace("-", "") == run.info.run_id
    registered = told["register.bread", "COMPLETE"]
    assert registered["outputs"][0]["name"] == "model:bread"
    assert registered["run"]["facets"]["parent"]["run"]["runId"].replace("-", "") == run.info.run_id


class Collector:
    """An OpenLineage server that refuses to answer the first few times."""

    def __init__(self, failures):
        self.events, self.keys, self.failures, self.got = [], set(), failures, threading.Condition()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with collector.got:
                    collector.failures -= 1
                    self.send_response(503 if collector.failures >= 0 else 201)
                    if collector.failures < 0:
                        collector.events.append((self.path, json.loads(body)))
                        collector.keys.add(self.headers.get("Authorization"))
                        collector.got.notify_all()
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def wait(self, count):
        with self.got:
            assert self.got.wait_for(lambda: len(self.events) >= count, 60), self.events
        return self.events


def test_ours_are_posted_in_order_until_they_are_taken(new_server, tmp_path, monkeypatch):
    collector = Collector(failures=2)
    monkeypatch.setitem(__import__("running").ENVIRONMENT, "MILLRACE_OPENLINEAGE_API_KEY", "sesame")
    server = new_server(tmp_path / "home", options=("--openlineage-url", collector.url, "--openlineage-namespace", "north"))
    (tmp_path / "mill").mkdir()
    (tmp_path / "mill" / "mill.yaml").write_text(PROJECT)
    server.apply(tmp_path / "mill")
    server.post("/api/v1/datasets/grain/batches?batch_id=one", data=BATCH, headers={"Content-Type": "text/csv"})
    told = collector.wait(2)
    assert [(path, event["eventType"], event["job"]["namespace"]) for path, event in told] == [("/api/v1/lineage", "START", "north"), ("/api/v1/lineage", "COMPLETE", "north")]
    assert collector.keys == {"Bearer sesame"}
    server.restart()
    server.post("/api/v1/datasets/grain/batches?batch_id=two", data=BATCH, headers={"Content-Type": "text/csv"})
    told = collector.wait(4)
    assert [event["run"]["runId"] for _, event in told[:2]] != [event["run"]["runId"] for _, event in told[2:4]] and len(told) == 4
