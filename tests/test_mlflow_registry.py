"""The model registry and webhooks, as MLflow's own client and command line use them."""

import os
import subprocess
import sys

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException

API = "/api/2.0/mlflow"


@pytest.fixture
def tracked(server, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mlflow.set_tracking_uri(server.url)
    yield server
    mlflow.set_tracking_uri(None)


@pytest.fixture
def client(tracked):
    return MlflowClient()


def fault(call, *args, **options):
    with pytest.raises(RestException) as raised:
        call(*args, **options)
    return raised.value.error_code, raised.value.message


def make_version(client, name="late", source="s3://bucket/model", **options):
    try:
        client.create_registered_model(name)
    except MlflowException:
        pass
    return client.create_model_version(name, source, **options)


def test_models(client):
    made = client.create_registered_model("late", tags={"team": "ops"}, description="is it late?")
    assert (made.name, made.description, made.tags, made.latest_versions) == ("late", "is it late?", {"team": "ops"}, [])
    assert made.creation_timestamp == made.last_updated_timestamp > 1_600_000_000_000
    assert fault(client.create_registered_model, "late") == ("RESOURCE_ALREADY_EXISTS", "RESOURCE_ALREADY_EXISTS: Registered Model (name=late) already exists.")
    assert fault(client.get_registered_model, "none") == ("RESOURCE_DOES_NOT_EXIST", "RESOURCE_DOES_NOT_EXIST: Registered Model with name=none not found")
    for name in ["", " ", "a/b", "a:b"]:
        assert fault(client.create_registered_model, name)[0] == "INVALID_PARAMETER_VALUE", name
    assert client.update_registered_model("late", "new words").description == "new words"
    client.set_registered_model_tag("late", "team", "data")
    client.set_registered_model_tag("late", "k", "")
    assert client.get_registered_model("late").tags == {"team": "data", "k": ""}
    client.delete_registered_model_tag("late", "k")
    client.delete_registered_model_tag("late", "k")
    assert client.get_registered_model("late").tags == {"team": "data"}
    client.rename_registered_model("late", "delays")
    assert client.get_registered_model("delays").description == "new words"
    client.create_registered_model("other")
    assert fault(client.rename_registered_model, "delays", "other")[0] == "RESOURCE_ALREADY_EXISTS"
    client.delete_registered_model("delays")
    assert fault(client.get_registered_model, "delays")[0] == "RESOURCE_DOES_NOT_EXIST"
    assert fault(client.delete_registered_model, "delays")[0] == "RESOURCE_DOES_NOT_EXIST"


def test_versions(client):
    made = make_version(client, run_id="a" * 32, tags={"t": "1"}, run_link="http://elsewhere/run", description="first")
    assert (made.version, made.source, made.run_id, made.run_link) == ("1", "s3://bucket/model", "a" * 32, "http://elsewhere/run")
    assert (made.current_stage, made.status, made.tags, made.description) == ("None", "READY", {"t": "1"}, "first")
    assert client.get_model_version_download_uri("late", "1") == "s3://bucket/model"
    assert client.update_model_version("late", "1", "other").description == "other"
    client.set_model_version_tag("late", "1", "gate", "passed")
    client.delete_model_version_tag("late", "1", "t")
    client.delete_model_version_tag("late", "1", "t")
    assert client.get_model_version("late", "1").tags == {"gate": "passed"}
    assert make_version(client).version == "2"
    client.delete_model_version("late", "2")
    assert make_version(client).version == "3"
    missing = ("RESOURCE_DOES_NOT_EXIST", "RESOURCE_DOES_NOT_EXIST: Model Version (name=late, version=2) not found")
    assert fault(client.get_model_version, "late", "2") == missing
    assert fault(client.delete_model_version, "late", "2") == missing
    assert fault(client.set_model_version_tag, "late", "2", "a", "b") == missing
    assert fault(client.get_model_version, "late", "x")[0] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("source", ["/etc", "file:///etc", "etc/passwd", "s3://bucket/../../x", "s3://b/%2e%2e/x", "runs:/none/model",
                                    "mlflow-artifacts:/1/../../x", "mlflow-artifacts:/1/none/artifacts", "models:/m-none", "models:/none/1"])
def test_sources_that_nobody_vouches_for_are_refused(client, source):
    client.create_registered_model("late")
    assert fault(client.create_model_version, "late", source)[0] in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")


def test_sources_are_resolved(client, tracked):
    with mlflow.start_run() as run:
        mlflow.log_text("weights", "model/w")
    run_id, root = run.info.run_id, run.info.artifact_uri
    assert make_version(client, source=f"runs:/{run_id}/model", run_id=run_id).source == f"runs:/{run_id}/model"
    assert client.get_model_version_download_uri("late", "1") == f"{root}/model"
    assert make_version(client, source=f"{root}/model", run_id=run_id).source == f"{root}/model"
    client.set_registered_model_alias("late", "champion", "1")
    copied = make_version(client, name="copy", source="models:/late@champion")
    assert copied.source == "models:/late/1" and copied.run_id == run_id
    assert client.get_model_version_download_uri("copy", "1") == f"{root}/model"
    assert requests.get(f"{tracked.url}/model-versions/get-artifact?name=copy&version=1&path=w").text == "weights"
    assert requests.get(f"{tracked.url}/model-versions/get-artifact?name=copy&version=1&path=../../x").status_code == 400
    other = mlflow.start_run().info.run_id
    mlflow.end_run()
    assert fault(client.create_model_version, "late", f"{root}/model", other)[0] == "INVALID_PARAMETER_VALUE"
    assert client.copy_model_version("models:/late/2", "copy").version == "2"


def test_aliases(client, tracked):
    make_version(client), make_version(client)
    client.set_registered_model_alias("late", "champion", "1")
    client.set_registered_model_alias("late", "champion", "2")
    client.set_registered_model_alias("late", "best", "2")
    assert client.get_model_version_by_alias("late", "champion").version == "2"
    assert sorted(client.get_model_version("late", "2").aliases) == ["best", "champion"]
    assert client.get_registered_model("late").aliases == {"best": "2", "champion": "2"}
    history = tracked.list("/api/v1/models/late/alias-history")
    assert [(h["alias"], h["version"], h["previous"]) for h in history] == [("best", 2, None), ("champion", 2, 1), ("champion", 1, None)]
    events = [e for e in tracked.list("/api/v1/events") if e["type"] == "model_version.alias_set"]
    assert len(events) == 3
    client.delete_registered_model_alias("late", "best")
    client.delete_registered_model_alias("late", "best")
    assert fault(client.get_model_version_by_alias, "late", "best") == ("INVALID_PARAMETER_VALUE", "INVALID_PARAMETER_VALUE: Registered model alias best not found.")
    for alias in ["latest", "v1"]:
        assert fault(client.set_registered_model_alias, "late", alias, "1")[0] == "INVALID_PARAMETER_VALUE", alias
    assert fault(client.set_registered_model_alias, "late", "a", "9")[0] == "RESOURCE_DOES_NOT_EXIST"
    client.delete_model_version("late", "2")
    assert client.get_registered_model("late").aliases == {}


@pytest.mark.filterwarnings("ignore")
def test_stages(client):
    for _ in range(3):
        make_version(client)
    assert client.transition_model_version_stage("late", "1", "production").current_stage == "Production"
    client.transition_model_version_stage("late", "2", "Production", archive_existing_versions=True)
    assert client.get_model_version("late", "1").current_stage == "Archived"
    latest = {v.current_stage: v.version for v in client.get_latest_versions("late")}
    assert latest == {"None": "3", "Production": "2", "Archived": "1"}
    assert [v.version for v in client.get_latest_versions("late", ["production"])] == ["2"]
    assert {v.version for v in client.get_registered_model("late").latest_versions} == {"1", "2", "3"}
    assert fault(client.transition_model_version_stage, "late", "1", "Deleted")[0] == "INVALID_PARAMETER_VALUE"
    assert fault(client.transition_model_version_stage, "late", "1", "None", True)[0] == "INVALID_PARAMETER_VALUE"
    assert fault(client.get_latest_versions, "none")[0] == "RESOURCE_DOES_NOT_EXIST"


def test_searches(client):
    for name, team in [("late", "ops"), ("early", "data"), ("Other", "ops")]:
        client.create_registered_model(name, tags={"team": team})
        client.create_model_version(name, f"s3://{name}/1", run_id=team, tags={"quality": name})
    names = lambda *args, **options: [m.name for m in client.search_registered_models(*args, **options)]  # noqa: E731
    assert names() == ["Other", "early", "late"]
    assert names("name LIKE '%at%'") == ["late"]
    assert names("name ILIKE 'o%' AND tags.team = 'ops'") == ["Other"]
    assert names("tags.team != 'ops'") == ["early"]
    assert names(order_by=["name DESC"]) == ["late", "early", "Other"]
    page = client.search_registered_models(max_results=2)
    assert [m.name for m in page] == ["Other", "early"]
    assert names(max_results=2, page_token=page.token) == ["late"]
    assert client.search_registered_models()[2].latest_versions[0].version == "1"
    versions = lambda *args, **options: [(v.name, v.version) for v in client.search_model_versions(*args, **options)]  # noqa: E731
    client.create_model_version("late", "s3://late/2")
    assert versions("name = 'late'") == [("late", "2"), ("late", "1")]
    assert versions("run_id = 'ops'", order_by=["name ASC"]) == [("Other", "1"), ("late", "1")]
    assert versions("source_path = 's3://late/2'") == [("late", "2")]
    assert versions("version_number > 1") == [("late", "2")]
    assert versions("tags.quality LIKE 'ear%'") == [("early", "1")]
    assert fault(client.search_model_versions, "nonsense = 'x'")[0] == "INVALID_PARAMETER_VALUE"
    assert fault(client.search_registered_models, "name ~ 'x'")[0] == "INVALID_PARAMETER_VALUE"
    assert fault(client.search_registered_models, max_results=1001)[0] == "INVALID_PARAMETER_VALUE"


def test_prompts_are_kept_apart_from_models(client):
    client.create_registered_model("late")
    mlflow.genai.register_prompt("greeting", "Hello, {{name}}!", commit_message="first", tags={"tone": "kind"})
    mlflow.genai.register_prompt("greeting", "Good day, {{name}}!")
    mlflow.genai.set_prompt_alias("greeting", "live", 1)
    assert mlflow.genai.load_prompt("prompts:/greeting/2").format(name="Ada") == "Good day, Ada!"
    assert mlflow.genai.load_prompt("prompts:/greeting@live").template == "Hello, {{name}}!"
    assert [p.name for p in mlflow.genai.search_prompts()] == ["greeting"]
    assert [m.name for m in client.search_registered_models()] == ["late"]
    assert client.search_model_versions() == []


def test_the_command_line(client, tracked, tmp_path):
    (tmp_path / "note.txt").write_text("hello")
    run = client.create_run(client.create_experiment("cli")).info.run_id
    environment = {**os.environ, "MLFLOW_TRACKING_URI": tracked.url}

    def mlflow_cli(*args):
        done = subprocess.run([sys.executable, "-m", "mlflow", *args], capture_output=True, text=True, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    mlflow_cli("artifacts", "log-artifact", "--local-file", str(tmp_path / "note.txt"), "--run-id", run)
    assert "note.txt" in mlflow_cli("artifacts", "list", "--run-id", run)
    mlflow_cli("artifacts", "download", "--run-id", run, "--artifact-path", "note.txt", "--dst-path", str(tmp_path / "back"))
    assert (tmp_path / "back/note.txt").read_text() == "hello"
    assert "cli" in mlflow_cli("experiments", "search")


def test_both_twins_and_bodies_of_delete(tracked):
    assert tracked.post("/ajax-api/2.0/mlflow/registered-models/create", json={"name": "late"})["registered_model"]["name"] == "late"
    made = tracked.post(f"{API}/model-versions/create", json={"name": "late", "source": "s3://b/x"})["model_version"]
    assert made.pop("creation_timestamp") and made.pop("last_updated_timestamp")
    assert made == {"name": "late", "version": "1", "current_stage": "None", "description": "", "source": "s3://b/x", "run_id": "", "status": "READY", "run_link": ""}
    assert tracked.get(f"{API}/registered-models/get-latest-versions?name=late&stages=None&stages=Staging")["model_versions"][0]["version"] == "1"
    assert tracked.request("DELETE", f"{API}/model-versions/delete", json={"name": "late", "version": "1"}) == {}
    assert tracked.request("DELETE", f"{API}/registered-models/delete", json={"name": "late"}) == {}
    answer = tracked.request("POST", f"{API}/model-versions/create", expect=400, json={"name": "late"})
    assert answer["message"].startswith("Missing value for required parameter 'source'.")
