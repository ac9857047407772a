"""Searching through MLflow's own client: its filters, its errors, and what its own server does not have."""

import base64
import json
import math
import time

import mlflow
import pytest
import requests
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from running import Server


@pytest.fixture(scope="module")
def server(millrace, tmp_path_factory):
    with Server(millrace, tmp_path_factory.mktemp("search") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    mlflow.set_tracking_uri(server.url)
    return MlflowClient(server.url)


RUNS = [
    # name, metrics, params, tags
    ("a", {"loss": 0.1, "acc": 0.9}, {"lr": "0.1", "opt": "adam"}, {"team": "red"}),
    ("b", {"loss": 0.2, "acc": 0.7}, {"lr": "0.01", "opt": "SGD"}, {"team": "blue"}),
    ("c", {"loss": math.nan}, {"lr": "0.1"}, {"team": "red", "note": "it's"}),
    ("d", {"acc": 0.5}, {"opt": "adamw"}, {}),
    ("e", {"loss": 0.4, "val loss": 1.0}, {}, {"mlflow.source.name": "train.py"}),
]


@pytest.fixture(scope="module")
def experiment(client):
    made = client.create_experiment("searched")
    for number, (name, metrics, params, tags) in enumerate(RUNS):
        run = client.create_run(made, start_time=1_000_000 + number * 1000, run_name=name, tags=tags)
        client.log_batch(
            run.info.run_id,
            [Metric(key, value, 1, 0) for key, value in metrics.items()],
            [Param(key, value) for key, value in params.items()],
        )
    first = client.search_runs([made], "attributes.run_name = 'a'")[0]
    data = mlflow.data.from_numpy(__import__("numpy").zeros((2, 2)), name="digits")
    client.log_inputs(first.info.run_id, [mlflow.entities.DatasetInput(data._to_mlflow_entity(), [mlflow.entities.InputTag("mlflow.data.context", "training")])])
    client.set_terminated(first.info.run_id, end_time=2_000_000)
    return made


def names(client, experiment, filter_string="", order_by=None, view=ViewType.ACTIVE_ONLY):
    return "".join(run.info.run_name for run in client.search_runs([experiment], filter_string, view, order_by=order_by))


@pytest.mark.parametrize(
    ("filter_string", "found"),
    [
        ("", "edcba"),
        ("metrics.loss > 0.15", "eb"),
        ("metric.loss <= 0.2 and metrics.acc >= 0.9", "a"),
        ("metrics.loss != 0.1", "ecb"),
        ("metrics.`val loss` = 1", "e"),
        ("params.lr = '0.1'", "ca"),
        ("parameters.opt LIKE 'adam%'", "da"),
        ("param.opt ILIKE 'sg_'", "b"),
        ("params.opt != 'adam'", "db"),
        ("tags.team = 'red'", "ca"),
        ("tags.mlflow.source.name = 'train.py'", "e"),
        ("tags.team IS NULL", "ed"),
        ("params.opt IS NOT NULL", "dba"),
        ("attributes.status = 'RUNNING'", "edcb"),
        ("run_name = 'a'", "a"),
        ("attribute.`Run name` LIKE '%b%'", "b"),
        ("start_time > 1002000", "ed"),
        ("Created <= 1001000", "ba"),
        ("end_time = 2000000", "a"),
        ("dataset.name = 'digits'", "a"),
        ("datasets.context LIKE 'train%' AND dataset.digest != 'x'", "a"),
    ],
)
def test_filters_mean_what_mlflow_means(client, experiment, filter_string, found):
    assert names(client, experiment, filter_string) == found


@pytest.mark.parametrize(
    ("filter_string", "found"),
    [
        ("params.lr = '0.01' OR metrics.acc = 0.5", "db"),
        ("NOT tags.team = 'red'", "edb"),
        ("(tags.team = 'red' OR tags.team = 'blue') AND NOT (metrics.acc > 0.8)", "cb"),
        ("params.opt IN ('adam', 'SGD')", "ba"),
        ("metrics.loss NOT IN (0.1, 0.2)", "ec"),
        ("tags.team not in ('red')", "b"),
        ("metrics.loss IS NULL", "d"),
        ("end_time IS NOT NULL", "a"),
        ("params.opt RLIKE '^adam(w)?$'", "da"),
        ("tags.note = 'it''s'", "c"),
        ("start_time < '1970-01-01 00:16:42'", "ba"),
        ("start_time > '7 days ago'", ""),
        ("start_time < 'yesterday' AND metrics.acc IS NOT NULL", "dba"),
    ],
)
def test_filters_have_what_users_asked_for(client, experiment, filter_string, found):
    assert names(client, experiment, filter_string) == found


@pytest.mark.parametrize(
    ("order_by", "found"),
    [
        (["metrics.loss"], "abecd"),
        (["metrics.loss DESC"], "ebacd"),
        (["params.opt"], "badec"),
        (["tags.team DESC", "metrics.acc ASC"], "acbde"),
        (["start_time ASC"], "abcde"),
        (["end_time"], "aedcb"),
        (["attributes.run_name DESC"], "edcba"),
        (["metrics.`val loss` DESC", "metrics.acc"], "edbac"),
    ],
)
def test_order_has_missing_values_last_and_nan_before_them(client, experiment, order_by, found):
    assert names(client, experiment, order_by=order_by) == found


@pytest.mark.parametrize(
    ("filter_string", "message"),
    [
        ("metric.acc >= 0.94; metrics.rmse < 1", "Search filter contained multiple expression"),
        ("m.acc >= 0.94", r"Invalid entity type 'm'. Valid values are \['metric', 'parameter', 'tag', 'attribute', 'dataset'\]"),
        ("acc >= 0.94", "Invalid attribute key 'acc' specified"),
        ("metrics.A > 0.1 NAND params.B = 'LR'", r"Invalid clause\(s\) in filter string"),
        ("params.acc = 'LR", r"Invalid clause\(s\) in filter string"),
        ("params.acc LR", r"Invalid clause\(s\) in filter string"),
        ("params.B = LR", "Parameter value is either not quoted or unidentified quote types"),
        ("params.B = 3", "Expected a quoted string value for parameter"),
        ("metrics.A = 'a'", "Expected numeric value type for metric. Found 'a'"),
        ("start_time = 'soon'", "Expected numeric value type for numeric attribute: start_time. Found 'soon'"),
        ("run_id = 3", "Expected a quoted string value for attributes. Got value 3"),
        ("run_id in ()", "expected a non-empty list of string values, but got empty list"),
        ("dataset.foo = 'x'", "Invalid dataset key 'foo' specified"),
        ("params.a > 'b'", "Invalid comparator '>' not one of "),
        ("metrics.a LIKE 'b'", "Invalid comparator 'LIKE' not one of "),
        ("1 = 1", "Invalid comparison clause"),
    ],
)
def test_errors_are_mlflows(client, experiment, filter_string, message):
    with pytest.raises(MlflowException, match=message) as error:
        client.search_runs([experiment], filter_string)
    assert error.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    ("order_by", "message"),
    [
        (["metrics.a b"], "Invalid ordering key in order_by clause 'metrics.a b'."),
        (["'x'"], "Invalid order_by clause ''x''. Could not be parsed."),
        (["m.x"], "Invalid entity type 'm'"),
        (["acc"], "Invalid attribute key 'acc' specified"),
        (["metrics.a", "metric.a DESC"], "`order_by` contains duplicate fields"),
    ],
)
def test_errors_of_orders_are_mlflows(client, experiment, order_by, message):
    with pytest.raises(MlflowException, match=message):
        client.search_runs([experiment], order_by=order_by)


def test_wrong_pages_and_experiments_are_refused(client, experiment):
    for page_token, message in [("%%%", "could not base64-decode"), ("Zm9v", "decoded value")]:
        with pytest.raises(MlflowException, match=f"Invalid page token, {message}"):
            client.search_runs([experiment], page_token=page_token)
    for most, message in [(0, "positive integer"), (50_001, "at most 50000")]:
        with pytest.raises(MlflowException, match=message):
            client.search_runs([experiment], max_results=most)
    with pytest.raises(MlflowException, match="Invalid experiment ID 'abc'. Experiment ID must be a valid integer."):
        client.search_runs(["abc"])


@pytest.mark.parametrize("order_by", [[], ["metrics.loss DESC"], ["params.opt ASC", "metrics.acc"]])
def test_pages_are_the_whole_in_order(client, experiment, order_by):
    whole, pages, token = names(client, experiment, order_by=order_by), "", None
    while token != "":
        page = client.search_runs([experiment], order_by=order_by, max_results=2, page_token=token)
        pages += "".join(run.info.run_name for run in page)
        token = page.token or ""
    assert pages == whole


def test_tokens_are_mlflows(client, experiment):
    token = client.search_runs([experiment], max_results=2).token
    assert json.loads(base64.b64decode(token)) == {"offset": 2}


def test_views(client):
    made = client.create_experiment("views")
    kept, gone = (client.create_run(made, run_name=name).info.run_id for name in ("k", "g"))
    client.delete_run(gone)
    assert names(client, made) == "k"
    assert names(client, made, view=ViewType.DELETED_ONLY) == "g"
    assert sorted(names(client, made, view=ViewType.ALL)) == ["g", "k"]


def test_the_fluent_search_gives_a_frame(client, experiment):
    frame = mlflow.search_runs([experiment], "metrics.acc > 0", order_by=["metrics.acc DESC"])
    assert list(frame["tags.mlflow.runName"]) == ["a", "b", "d"]
    assert list(frame["metrics.acc"]) == [0.9, 0.7, 0.5]
    assert len(mlflow.search_runs(search_all_experiments=True)) >= len(RUNS)
    assert mlflow.search_runs(experiment_names=["searched"], max_results=2).shape[0] == 2


def search(server, **request):
    answer = requests.post(f"{server.url}/api/2.0/mlflow/runs/search", json=request, timeout=30)
    return answer.status_code, answer.json()


def test_only_the_fields_that_are_wanted(server, experiment):
    asked = {"experiment_ids": [experiment], "filter": "run_name = 'a'"}
    _, answer = search(server, **asked, fields=["run_id", "metrics.acc", "params.*"])
    run = answer["runs"][0]
    assert [metric["key"] for metric in run["data"]["metrics"]] == ["acc"]
    assert [param["key"] for param in run["data"]["params"]] == ["lr", "opt"]
    assert "tags" not in run["data"] and "dataset_inputs" not in run["inputs"]
    status, answer = search(server, **asked, fields=["weights"])
    assert status == 400 and 'field "weights" is not known' in answer["message"]


def test_counts(server, experiment):
    assert search(server, experiment_ids=[experiment], count_only=True) == (200, {"total": 5})
    assert search(server, experiment_ids=[experiment], filter="metrics.loss > 0.15", count_only=True) == (200, {"total": 2})
    assert search(server, experiment_ids=[experiment], filter="params.opt LIKE 'adam%'", count_only=True) == (200, {"total": 2})
    assert search(server, experiment_ids=[], count_only=True) == (200, {"total": 0})


def test_experiments_are_searched(client):
    for name, team in [("exp/one", "red"), ("exp/two", "blue"), ("EXP/three", "red")]:
        client.create_experiment(name, tags={"team": team})
        time.sleep(0.002)

    def found(filter_string, order_by=None, **more):
        return [e.name for e in client.search_experiments(filter_string=filter_string, order_by=order_by, **more)]

    assert found("name LIKE 'exp/%'") == ["exp/two", "exp/one"]
    assert found("attribute.name ILIKE 'exp/%'", ["name ASC"]) == ["EXP/three", "exp/one", "exp/two"]
    assert found("tags.team = 'red'", ["creation_time"]) == ["exp/one", "EXP/three"]
    assert found("tag.team != 'red' AND name LIKE 'exp%'") == ["exp/two"]
    assert found("tags.team = 'blue' OR name = 'exp/one'", ["experiment_id"]) == ["exp/one", "exp/two"]
    assert found("tags.team IS NULL AND name = 'Default'") == ["Default"]
    assert found("experiment_id IN ('0')") == ["Default"]
    assert found("creation_time > '1 hour ago' AND name LIKE 'exp/%'", ["last_update_time DESC"]) == ["exp/two", "exp/one"]
    first = client.search_experiments(max_results=1, order_by=["name"])
    assert first[0].name == "Default" and client.search_experiments(max_results=1, order_by=["name"], page_token=first.token)[0].name == "EXP/three"


@pytest.mark.parametrize(
    ("filter_string", "message"),
    [
        ("metrics.a > 1", r"Invalid entity type 'metrics'. Valid entity types are \('attribute', 'tag', 'tags'\)"),
        ("status = 'x'", "Invalid attribute key 'status' specified"),
        ("experiment_id = 'x'", "Invalid experiment ID 'x'. Experiment ID must be a valid integer."),
        ("experiment_id LIKE '1'", "Invalid comparator for experiment_id: LIKE"),
        ("name = 3", "Expected a quoted string value for attributes. Got value 3"),
        ("name > 'x'", "Invalid comparator '>' not one of"),
    ],
)
def test_errors_of_experiment_searches_are_mlflows(client, filter_string, message):
    with pytest.raises(MlflowException, match=message):
        client.search_experiments(filter_string=filter_string)


def test_hostile_filters_cost_little(server):
    for hostile in ["(" * 100_000, "not " * 50_000, "metrics.a = 1 or " * 10_000, "'" * 100_000, "run_name RLIKE '(((((a+)+)+)+)+)$'", "run_name LIKE '" + "%a" * 1000 + "'", "\x00", "run_id IN (" + "'x'," * 30_000 + "'x')"]:
        begin = time.monotonic()
        status, _ = search(server, experiment_ids=["0"], filter=hostile)
        assert status in (200, 400) and time.monotonic() - begin < 2
