"""A server whose artifacts are in S3, driven by MLflow's client; and the main job on it."""

import os
import pathlib

import mlflow
import numpy as np
import pytest
import requests
from sklearn.linear_model import LogisticRegression

from object_store import BUCKET, ObjectStore
from running import Server, replay

PLACE = f"s3://{BUCKET}/team"


@pytest.fixture(scope="module")
def objects():
    with ObjectStore() as store:
        yield store


@pytest.fixture
def on_s3(millrace, objects, tmp_path):
    with Server(millrace, tmp_path / "home", artifacts=f"{PLACE}/{tmp_path.name}", environment=objects.environment) as server:
        yield server


@pytest.fixture
def tracked(on_s3, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mlflow.set_tracking_uri(on_s3.url)
    yield on_s3
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(None)


def test_artifacts_and_models_come_back_from_the_bucket(tracked, objects, tmp_path):
    content = os.urandom(12_000_000)  # several parts
    (tmp_path / "large.bin").write_bytes(content)
    features, labels = np.random.default_rng(1).normal(size=(50, 3)), np.arange(50) % 2
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "large.bin"), "deep/folder")
        mlflow.log_text("wheel", "notes.txt")
        model = LogisticRegression().fit(features, labels)
        logged = mlflow.sklearn.log_model(model, name="model", registered_model_name="m")
    assert any(key.endswith("/large.bin") for key in objects.keys(f"team/{tmp_path.name}/")), "it is in the bucket"
    assert [f.path for f in mlflow.MlflowClient().list_artifacts(run.info.run_id)][:2] == ["deep", "notes.txt"]
    back = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="deep/folder/large.bin", dst_path=str(tmp_path / "back"))
    assert pathlib.Path(back).read_bytes() == content
    for uri in (logged.model_uri, "models:/m/1"):
        assert (mlflow.sklearn.load_model(uri).predict(features) == model.predict(features)).all()


def test_the_main_job_runs_on_the_bucket(on_s3, flights_project, objects):
    """Training sets, models and what is served of them."""
    on_s3.apply(flights_project)
    summary = replay(on_s3, flights_project, "2001-03-08")
    assert summary["failures"] == 0 and summary["predictions"] > 50_000
    assert on_s3.get("/api/v1/endpoints/delays")["version"] == 1
    on_s3.restart()
    assert on_s3.get("/v2/models/delays/ready")["ready"]


def test_a_home_folder_stays_with_its_place(on_s3, objects):
    on_s3.stop()
    done = on_s3.millrace("server", "--home", on_s3.home, "--listen", "127.0.0.1:0", timeout=30)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and f"--artifacts {PLACE}" in done.stderr


def test_a_bucket_that_does_not_answer_is_one_plain_sentence(millrace, tmp_path, monkeypatch):
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("running.ENVIRONMENT", {**os.environ})
    done = millrace("server", "--home", tmp_path / "home", "--artifacts", PLACE, "--listen", "127.0.0.1:0", timeout=60)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "127.0.0.1:9" in done.stderr, done.stderr


def test_without_credentials_it_says_which_are_missing(millrace, tmp_path):
    done = millrace("server", "--home", tmp_path / "home", "--artifacts", PLACE, "--listen", "127.0.0.1:0", timeout=60)
    assert done.returncode == 1 and "AWS_ACCESS_KEY_ID" in done.stderr
