"""The main job on the first weeks of the data."""

import math
import re

import pyarrow.parquet as pq


def test_every_flight_is_answered_and_none_fails(main_job):
    assert main_job.summary["failures"] == 0
    assert main_job.summary["predictions"] > 250_000
    endpoint = main_job.server.get("/api/v1/endpoints/delays")
    assert endpoint["failures"] == 0
    assert endpoint["problem"] == ""


def test_the_log_holds_every_prediction_once(main_job):
    main_job.server.post("/api/v1/endpoints/delays/commit")
    files = main_job.server.files("delays.predictions")
    ids = [id for file in files for id in pq.read_table(file, columns=["id"])["id"].to_pylist() if re.fullmatch(r"f\d+", id)]
    assert len(ids) == len(set(ids)) == main_job.summary["predictions"]


def test_a_model_is_trained_registered_and_promoted(main_job):
    model = main_job.server.get("/api/v1/models/delays")
    assert model["aliases"]["baseline"] == 1
    assert model["aliases"]["champion"] >= 1
    gates = main_job.server.list("/api/v1/gates")
    assert any(gate["passed"] for gate in gates)
    versions = main_job.server.list("/api/v1/models/delays/versions")
    assert len(versions) == len(gates)
    runs = {run["id"]: run for run in main_job.server.list("/api/v1/runs")}
    for version in versions:
        run = runs[version["run_id"]]
        assert run["status"] == "FINISHED"
        assert run["params"]["max_depth"] == "6"
        assert 0 < run["metrics"]["holdout_log_loss"] < 1
        assert "millrace.feature_definitions" in run["tags"]
        assert "flights" in run["tags"]["millrace.datasets"]


def test_windows_are_weeks_with_drift_and_realized_performance(main_job):
    windows = sorted(main_job.server.list("/api/v1/monitors/delays_weekly/windows"), key=lambda window: window["window_start"])
    assert [window["window_start"][:10] for window in windows] == ["2001-02-26", "2001-03-05", "2001-03-12"]
    assert [window["partial"] for window in windows] == [True, False, False]
    for window in windows:
        assert window["labelled"] == window["predictions"] > 0
        assert 0 < window["share_positive"] < 0.5
        live = window["performance"][0]
        assert live["column"] == "prediction"
        assert 0.2 < live["metrics"]["log_loss"] < 0.6
        assert live["metrics"]["roc_auc"] > 0.6
        assert {"shadow_baseline"} == {performance["column"] for performance in window["performance"][1:]}
        assert len(window["drift"]["columns"]) == 13
        assert all(math.isfinite(column["score"]) for column in window["drift"]["columns"])


def test_the_summary_tells_live_from_frozen(main_job):
    assert 0.2 < main_job.summary["log_loss_live"] < 0.6
    assert 0.2 < main_job.summary["log_loss_frozen"] < 0.6
    assert len(main_job.summary["weeks"]) == 3
    assert main_job.summary["p50_ms"] > 0


def test_absurd_delays_are_quarantined_counted_and_shown(main_job, flights):
    dataset = main_job.server.get("/api/v1/datasets/flights")
    quarantined = main_job.server.list("/api/v1/datasets/flights/quarantine")
    assert dataset["quarantined"] == len(quarantined) == main_job.summary["quarantined"] > 0
    for row in quarantined:
        assert not -120 <= row["row"]["delay"] <= 1440
        assert row["reason"] == "expect_column_values_to_be_between(delay)"


def test_each_day_is_a_version_with_hash_profile_and_validation(main_job):
    versions = main_job.server.list("/api/v1/datasets/flights/versions")
    assert len(versions) == main_job.summary["batches"] == 78
    assert len({version["content_hash"] for version in versions}) == len(versions)
    newest = main_job.server.get("/api/v1/datasets/flights/versions/latest")
    assert newest["rows"] == sum(segment["rows"] for segment in newest["segments"])
    assert newest["profile"] and newest["batch_profile"]
    assert len(newest["validation"]["results"]) == len(main_job.server.get("/api/v1/datasets/flights")["expectations"])


def test_the_lineage_of_a_prediction_reaches_the_rows(main_job):
    main_job.server.post("/api/v1/endpoints/delays/commit")
    id = pq.read_table(main_job.server.files("delays.predictions")[0], columns=["id"])["id"][0].as_py()
    record = main_job.server.get(f"/api/v1/endpoints/delays/predictions/{id}")
    assert record["prediction"]["id"] == record["label"]["id"] == id
    assert record["model_version"] == "model:delays/1"
    came_of = {}
    for edge in record["lineage"]["edges"]:
        came_of.setdefault(edge["to"], []).append(edge["from"])
    seen, front = set(), [record["model_version"]]
    while front:
        seen.add(node := front.pop())
        front += [source for source in came_of.get(node, []) if source not in seen]
    dataset = next(node for node in seen if node.startswith("dataset:flights/"))
    assert main_job.server.get(f"/api/v1/datasets/flights/versions/{dataset.split('/')[1]}")["segments"]
    assert any(node.startswith("run:") for node in seen)


def test_status_says_the_whole(main_job):
    status = main_job.server.get("/api/v1/status")
    assert status["project"] == "flights"
    assert status["clock"] == {"mode": "event", "now": "2001-03-20T00:00:00Z"}
    assert status["settled"] and status["active_pipeline_runs"] == 0
