"""The lineage graph: what MLflow's own client logs is in it, from any noun, both ways, as JSON, text and a picture."""

import xml.etree.ElementTree as ElementTree

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def tracked(server, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mlflow.set_tracking_uri(server.url)
    yield server
    mlflow.set_tracking_uri(None)


@pytest.fixture
def trained(tracked):
    """A run of MLflow's own client that read a dataset and logged a model, registered and with an alias."""
    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "late": [0, 0, 1, 1]})
    mlflow.set_experiment("flights <&> delays")
    with mlflow.start_run(run_name="train") as run:
        mlflow.log_input(mlflow.data.from_pandas(rows, source="s3://lake/flights.csv", name="flights"), context="training")
        model = mlflow.sklearn.log_model(LogisticRegression().fit(rows[["x"]], rows["late"]), name="model", registered_model_name="delays", input_example=rows[["x"]])
    MlflowClient().set_registered_model_alias("delays", "champion", "1")
    return run.info.run_id, model.model_id


def graph(server, node, **params):
    answer = server.get("/api/v1/lineage", params={"node": node, "direction": "both", **params})
    return answer["root"], {item["id"]: item for item in answer["nodes"]}, {(edge["from"], edge["to"]) for edge in answer["edges"]}


def test_what_mlflows_client_logs_is_in_the_graph(tracked, trained):
    run, model = trained
    root, nodes, edges = graph(tracked, "model:delays@champion")
    assert root == "model:delays/1"
    dataset = next(id for id in nodes if id.startswith("dataset:flights@"))
    assert {(f"run:{run}", root), (f"logged_model:{model}", root), (f"run:{run}", f"logged_model:{model}"), (dataset, f"run:{run}"), ("dataset:s3://lake#flights.csv", dataset)} <= edges
    assert nodes[f"run:{run}"]["name"] == "train" and nodes[f"run:{run}"]["data"]["experiment"] == "flights <&> delays"
    assert list(nodes[root]["data"]["aliases"]) == ["champion"]
    environment = nodes[root]["data"]["environment"]
    assert environment["python"] and any(package.startswith("scikit-learn==") for package in environment["packages"])


def test_it_is_walked_from_any_node_both_ways_and_no_further_than_asked(tracked, trained):
    run, model = trained
    _, nodes, _ = graph(tracked, "dataset:s3://lake#flights.csv", direction="downstream")
    assert {f"run:{run}", f"logged_model:{model}", "model:delays/1"} <= set(nodes)
    _, nodes, _ = graph(tracked, f"run:{run}", depth=0)
    assert set(nodes) == {f"run:{run}"}
    assert tracked.get("/api/v1/lineage", params={"node": f"run:{run}", "direction": "both", "limit": 2})["truncated"]
    assert tracked.get("/api/v1/lineage", params={"node": "model:delays"})["root"] == "model:delays/1"


def test_what_is_deleted_says_so(tracked, trained):
    run, model = trained
    MlflowClient().delete_run(run)
    _, nodes, _ = graph(tracked, "model:delays/1")
    assert nodes[f"run:{run}"]["data"]["deleted"] is True


@pytest.mark.parametrize(
    ("params", "status", "message"),
    [
        ({}, 400, 'query parameter "node" is missing; e.g. node=model:delays/3'),
        ({"node": "model:x/9"}, 404, "the lineage graph has no node model:x/9"),
        ({"node": "run:%00"}, 404, "the lineage graph has no node run:%00"),
        ({"node": "model:x@y"}, 404, 'registered model "x" does not exist'),
        ({"node": "run:x", "direction": "up"}, 400, 'direction "up" is not one of upstream, downstream, both'),
        ({"node": "run:x", "depth": "101"}, 400, 'query parameter "depth" must be at most 100, not 101'),
        ({"node": "run:x", "limit": "0"}, 400, 'query parameter "limit" must be a whole number of at least 1, not "0"'),
        ({"node": "run:x", "hops": "3"}, 400, 'there is no query parameter "hops"'),
    ],
)
def test_mistakes_are_named(tracked, params, status, message):
    error = tracked.request("GET", "/api/v1/lineage", expect=status, params=params)["error"]
    assert message in error["message"]
    tracked.request("GET", "/api/v1/lineage/picture", expect=status, params=params)


def test_the_picture_is_an_svg_that_runs_nothing(tracked, trained, tmp_path):
    done = tracked.run("model", "lineage", "delays@champion", "--svg", tmp_path / "delays.svg")
    assert (done.returncode, done.stdout) == (0, f"wrote {tmp_path / 'delays.svg'}\n"), done.stderr
    root = ElementTree.parse(tmp_path / "delays.svg").getroot()
    assert root.tag == SVG + "svg" and not list(root.iter(SVG + "script"))
    texts = [text.text for text in root.iter(SVG + "text")]
    assert "delays" in texts and "version 1 · champion" in texts and "flights <&> delays · FINISHED" in texts
    assert len([path for path in root.iter(SVG + "path") if path.get("class") == "edge"]) == 5


def test_the_command_shows_both_ways(tracked, trained):
    run, model = trained
    lines = tracked.run("lineage", f"logged_model:{model}").stdout.splitlines()
    assert lines[0].startswith(f"logged_model:{model}") and lines[1].strip().startswith(f"run:{run}")
    assert "What came of it" in lines and lines[-1].strip().startswith("model:delays/1")
    done = tracked.run("lineage", "run:nothing")
    assert (done.returncode, done.stderr.strip()) == (1, "millrace: the lineage graph has no node run:nothing")
