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


def test_large_files_go_straight_to_and_from_the_bucket(tracked, objects, tmp_path, monkeypatch):
    """By addresses that the bucket itself understands: MLflow's client in parts, and one file at a time."""
    for name, value in {"MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": "6000000", "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE": "5242880", "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true",
                        "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "true", "MLFLOW_MULTIPART_DOWNLOAD_MINIMUM_FILE_SIZE": "6000000", "MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE": "5242880"}.items():
        monkeypatch.setenv(name, value)
    went = []
    send = requests.Session.send
    monkeypatch.setattr(requests.Session, "send", lambda self, request, **options: went.append((request.method, request.url)) or send(self, request, **options))
    content = os.urandom(12_000_000)
    (tmp_path / "large ü.bin").write_bytes(content)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "large ü.bin"), "deep")
    back = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="deep/large ü.bin", dst_path=str(tmp_path / "back"))
    assert pathlib.Path(back).read_bytes() == content
    assert sum(method == "PUT" and url.startswith(objects.url) for method, url in went) == 3
    assert sum(method == "GET" and url.startswith(objects.url) for method, url in went) >= 3
    assert not any(".uploads" in key for key in objects.keys(f"team/{tmp_path.name}/"))

    def address(kind, **fields):
        return requests.post(f"{tracked.url}/api/2.0/mlflow/artifacts/presigned-{kind}-url", json={"run_id": run.info.run_id, **fields}).json()
    put = address("upload", path="small/a b.txt", expiration=60)["presigned_url"]
    assert put.startswith(objects.url) and requests.put(put, data=b"small").status_code == 200
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/small/a b.txt") == "small"
    given = address("download", path="small/a b.txt")
    assert given["file_size"] == 5 and requests.get(given["presigned_url"]).content == b"small"


def test_parts_of_an_upload_that_do_not_fit_are_refused(on_s3):
    root = f"{on_s3.url}/api/2.0/mlflow-artifacts/mpu"
    made = requests.post(f"{root}/create/1/x", json={"path": "f", "num_parts": 2}).json()
    tags = [requests.put(part["url"], data=data).headers["ETag"] for part, data in zip(made["credentials"], (b"one", b"two"))]

    def complete(tags):
        return requests.post(f"{root}/complete/1/x", json={"path": "f", "upload_id": made["upload_id"], "parts": [{"part_number": i + 1, "etag": tag} for i, tag in enumerate(tags)]})
    assert complete(tags[:1]).status_code == 400 and complete(tags[::-1]).status_code == 400
    assert complete(tags).json() == {}
    assert requests.get(f"{on_s3.url}/api/2.0/mlflow-artifacts/artifacts/1/x/f").content == b"onetwo"


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
