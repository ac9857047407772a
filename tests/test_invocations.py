"""MLflow's scoring protocol, held to MLflow's own scoring server on the same models."""

import contextlib
import gzip
import json
import os
import threading

import lightgbm as lgb
import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import uvicorn
import xgboost as xgb
from mlflow import MlflowClient
from mlflow.models import ModelSignature
from mlflow.pyfunc import scoring_server
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

NAMES = ["a", "b", "c"]
ROWS = np.random.default_rng(3).normal(size=(500, 3)).round(2)
LABEL = ROWS[:, 0] * 2 - np.floor(ROWS[:, 1] * 3) + ROWS[:, 2]


def booster(label=LABEL, names=NAMES, **params):
    return xgb.train({"max_depth": 4, "nthread": 1, **params}, xgb.DMatrix(ROWS, label, feature_names=names), 12)


def models():
    """By name: MLflow's flavor, the model, its signature."""
    columns = Schema([ColSpec("double", "a"), ColSpec("long", "b"), ColSpec("float", "c")])
    optional = Schema([ColSpec("double", "a"), ColSpec("double", "b"), ColSpec("double", "c", required=False)])
    one = Schema([ColSpec("double", "a")])
    unnamed = Schema([ColSpec("double"), ColSpec("double"), ColSpec("double")])
    tensor = Schema([TensorSpec(np.dtype("float32"), (-1, 3))])
    params = ParamSchema([ParamSpec("output_margin", "boolean", False)])
    yield "columns", mlflow.xgboost, booster(), ModelSignature(columns)
    yield "classes", mlflow.xgboost, booster(np.digitize(LABEL, [-1, 1]), objective="multi:softprob", num_class=3), ModelSignature(columns)
    yield "optional", mlflow.xgboost, booster(), ModelSignature(optional)
    yield "one", mlflow.xgboost, xgb.train({"nthread": 1}, xgb.DMatrix(ROWS[:, :1], LABEL, feature_names=["a"]), 5), ModelSignature(one)
    yield "unnamed", mlflow.xgboost, booster(names=None), ModelSignature(unnamed)
    yield "tensor", mlflow.xgboost, booster(names=None), ModelSignature(tensor)
    yield "plain", mlflow.xgboost, booster(), None
    yield "params", mlflow.xgboost, booster(), ModelSignature(columns, params=params)
    light = lgb.train({"verbosity": -1, "num_threads": 1}, lgb.Dataset(ROWS, LABEL, feature_name=NAMES), 8)
    yield "light", mlflow.lightgbm, light, ModelSignature(columns)


@contextlib.contextmanager
def scoring(model):
    """MLflow's scoring server; its URL."""
    app = scoring_server.init(mlflow.pyfunc.load_model(model))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


class Both:
    """A Millrace server and MLflow's scoring servers, with the same models."""

    def __init__(self, server, references):
        self.server, self.references = server, references

    def post(self, model, body, content_type="application/json", **headers):
        """What they answer: Millrace's first."""
        data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        headers = {"Content-Type": content_type, **headers}
        urls = [f"{self.server.url}/endpoints/{model}/invocations", f"{self.references[model]}/invocations"]
        return [requests.post(url, data=data, headers=headers, timeout=60) for url in urls]

    def agree(self, model, body, content_type="application/json"):
        ours, theirs = self.post(model, body, content_type)
        assert ours.status_code == theirs.status_code, f"{ours.text}\n{theirs.text}"
        assert ours.headers["Content-Type"].split(";")[0] == theirs.headers["Content-Type"].split(";")[0]
        if ours.status_code == 200:
            assert ours.text == theirs.text
        elif ours.status_code == 400:
            fields = ("error_code", "sqlstate", "error_class")
            assert [ours.json()[field] for field in fields] == [theirs.json()[field] for field in fields], f"{ours.text}\n{theirs.text}"
            assert ours.json()["message"]
        return ours


@pytest.fixture(scope="module")
def both(shared_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("invocations")
    before = dict(os.environ)
    mlflow.set_tracking_uri(shared_server.url)
    with contextlib.ExitStack() as stack:
        references, documents = {}, ["kind: Project\nname: invocations\n"]
        for name, flavor, model, signature in models():
            with mlflow.start_run():
                flavor.log_model(model, name="model", registered_model_name=name, signature=signature)
            MlflowClient().set_registered_model_alias(name, "champion", "1")
            documents.append(f"kind: Endpoint\nname: {name}\nmodel: {name}\nalias: champion\n")
            references[name] = stack.enter_context(scoring(f"models:/{name}/1"))
        (folder / "serving.yaml").write_text("---\n".join(documents))
        shared_server.apply(folder)
        yield Both(shared_server, references)
    mlflow.set_tracking_uri(None)
    os.environ.clear()
    os.environ.update(before)


def split(data, columns=NAMES):
    return {"dataframe_split": {"columns": columns, "data": data}}


FRAMES = {
    "rows": split([[0.5, 1, 2], [1.5, -2, 0.25]]),
    "another order": split([[2, 0.5, 1]], ["c", "a", "b"]),
    "an index": {"dataframe_split": {"columns": NAMES, "index": [7], "data": [[0.5, 1, 2]]}},
    "extra columns": split([[0.5, 1, 2, "x"]], [*NAMES, "z"]),
    "fractions of a long": split([[0.5, 1.9, 2]]),
    "texts of numbers": split([["0.5", "1", " 2e0 "]]),
    "missing": split([[None, 1, 2], [1, 1, None]]),
    "booleans": split([[True, 1, False]]),
    "no rows": split([]),
    "a missing long": split([[1, None, 1]]),
    "a text": split([["x", 1, 1]]),
    "a text for a long": split([[1, "1.5", 1]]),
    "a missing column": split([[1, 2]], ["a", "b"]),
    "a column twice": split([[1, 2, 3, 4]], [*NAMES, "a"]),
    "too long a row": split([[1, 2, 3, 4]]),
    "a short row": split([[1, 2, 3], [1, 2]]),
    "lists": split([[[1], 2, 3]]),
    "objects": split([[{"q": 1}, 2, 3]]),
    "no names": {"dataframe_split": {"data": [[1, 2, 3]]}},
    "unknown key": {"dataframe_split": {"columns": NAMES, "rows": []}},
    "no data": {"dataframe_split": {"columns": NAMES}},
    "too few labels": {"dataframe_split": {"columns": NAMES, "index": [1], "data": [[1, 2, 3], [1, 2, 3]]}},
    "split as a list": {"dataframe_split": [[1, 2, 3]]},
    "records": {"dataframe_records": [{"a": 0.5, "b": 1, "c": 2}, {"c": 1, "b": 2, "a": None}]},
    "records without a value": {"dataframe_records": [{"a": 0.5, "b": 1, "c": 2}, {"a": 1, "b": 2}]},
    "records without a long": {"dataframe_records": [{"a": 0.5, "b": 1, "c": 2}, {"a": 1, "c": 2}]},
    "no records": {"dataframe_records": []},
    "records of lists": {"dataframe_records": [[1, 2, 3]]},
    "records of numbers": {"dataframe_records": [1, 2]},
    "a record alone": {"dataframe_records": {"a": 1, "b": 2, "c": 3}},
}
TENSORS = {
    "columns": {"inputs": {"a": [0.5, 1], "b": [1, 2], "c": [2, 0.25]}},
    "scalars": {"inputs": {"a": 0.5, "b": 1, "c": 2}},
    "scalars and columns": {"inputs": {"a": [0.5, 1], "b": 1, "c": 2}},
    "objects": {"inputs": [{"a": 0.5, "b": 1, "c": 2}]},
    "extra": {"inputs": {"a": [0.5], "b": [1], "c": [2], "z": ["x"]}},
    "texts of numbers": {"inputs": {"a": ["0.5"], "b": ["1"], "c": ["nan"]}},
    "missing": {"inputs": {"a": [None], "b": [1], "c": [2]}},
    "booleans": {"inputs": {"a": [True], "b": [False], "c": [2]}},
    "a text": {"inputs": {"a": ["x"], "b": [1], "c": [2]}},
    "a missing long": {"inputs": {"a": [1], "b": [None], "c": [2]}},
    "too large a long": {"inputs": {"a": [1], "b": [2**70], "c": [2]}},
    "lists of lists": {"inputs": {"a": [[1], [2]], "b": [1, 2], "c": [1, 2]}},
    "uneven": {"inputs": {"a": [1, 2], "b": [1], "c": [1, 2]}},
    "ragged": {"inputs": {"a": [1, [2]], "b": [1, 2], "c": [1, 2]}},
    "a missing column": {"inputs": {"a": [1], "b": [1]}},
    "an array": {"inputs": [[0.5, 1, 2]]},
    "a row": {"inputs": [0.5, 1, 2]},
    "a number": {"inputs": 5},
    "a text alone": {"inputs": "x"},
    "null": {"inputs": None},
    "nothing": {"inputs": []},
    "an empty object": {"inputs": {}},
    "instances": {"instances": [{"a": 0.5, "b": 1, "c": 2}, {"a": 1, "b": 2, "c": 3}]},
    "instances without a value": {"instances": [{"a": 0.5, "b": 1, "c": 2}, {"a": 1, "b": 2}]},
    "instances by column": {"instances": {"a": [0.5, 1], "b": [1, 2], "c": [2, 0.25]}},
    "uneven instances": {"instances": {"a": [0.5, 1], "b": [1], "c": [2, 0.25]}},
    "instances of lists": {"instances": [[0.5, 1, 2]]},
    "no instances": {"instances": []},
    "two keys": {"inputs": {"a": [1], "b": [1], "c": [1]}, "instances": []},
    "no key": {"data": [[1, 2, 3]]},
    "an empty body": {},
    "a list": [[1, 2, 3]],
    "params": {"inputs": {"a": [1], "b": [1], "c": [1]}, "params": {"x": 1}},
    "params that are none": {"inputs": {"a": [1], "b": [1], "c": [1]}, "params": 5},
    "a key twice": '{"inputs": {"a": [1]}, "inputs": {"a": [0.5], "b": [1], "c": [2]}}',
    "bare numbers": '{"inputs": {"a": [NaN, 1], "b": [1, 1], "c": [1, 0]}}',
    "cut": '{"inputs": {"a": [1',
    "no JSON": "hello",
    "an empty text": "",
    "no UTF-8": b'{"inputs": "\xff"}',
    "for a language model": {"messages": [{"role": "user", "content": "hi"}]},
}
CSV = {
    "rows": "a,b,c\n0.5,1,2\n1.5,-2,0.25\n",
    "another order": "c,a,b\n2,0.5,1\n",
    "written with its index": ",a,b,c\n0,0.5,1,2\n1,1.5,2,3\n",
    "an index without a name": "a,b,c\nx,0.5,1,2\ny,1.5,2,3\n",
    "blank lines": "a,b,c\n\n0.5,1,2\n\n",
    "other line ends": "a,b,c\r\n0.5,1,2\r\n",
    "quotes": '"a","b","c"\n"0.5","1","2"\n',
    "missing": "a,b,c\n,1,NA\nnan,1,null\n",
    "blanks": "a,b,c\n 0.5, 1, 2\n",
    "no rows": "a,b,c\n",
    "a missing long": "a,b,c\n1,,1\n",
    "a fraction of a long": "a,b,c\n1,1.5,1\n",
    "a text": "a,b,c\nx,1,1\n",
    "hexadecimal": "a,b,c\n0x10,1,1\n",
    "a missing column": "a,b\n1,1\n",
    "a long line": "a,b,c\n1,2,3\n1,2,3,4,5\n",
    "a short line": "a,b,c\n1,2\n",
    "open quotes": 'a,b,c\n"1,2,3\n',
    "nothing": "",
    "no UTF-8": b"a,b,c\n\xff,1,2\n",
}


@pytest.mark.parametrize("body", FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize("model", ["columns", "classes", "light"])
def test_frames(both, model, body):
    if model == "light" and body is FRAMES["no rows"]:
        pytest.skip("LightGBM itself refuses to score nothing")
    both.agree(model, body)


def test_infinities_are_scored_where_xgboost_s_matrix_refuses_them(both):
    ours, theirs = both.post("columns", '{"inputs": {"a": [Infinity], "b": [1], "c": [-Infinity]}}')
    assert theirs.status_code == 400
    assert ours.json()["predictions"] == both.post("columns", "a,b,c\ninf,1,-inf\n", "text/csv")[0].json()["predictions"]


@pytest.mark.parametrize("body", TENSORS.values(), ids=TENSORS.keys())
def test_arrays(both, body):
    both.agree("columns", body)


@pytest.mark.parametrize("body", CSV.values(), ids=CSV.keys())
@pytest.mark.parametrize("model", ["columns", "classes"])
def test_csv(both, model, body):
    both.agree(model, body, "text/csv")


@pytest.mark.parametrize("body", [{"inputs": [1, 2]}, {"instances": [1, 2]}, {"inputs": [{"a": 1}]}, {"inputs": {"a": 5}}, {"inputs": [[1], [2]]}, {"inputs": 5}, split([[1]], ["a"])], ids=json.dumps)
def test_a_signature_of_one_column_takes_lists(both, body):
    both.agree("one", body)


@pytest.mark.parametrize("body", [{"inputs": [[0.5, 1, 2], [1, 2, 3]]}, {"instances": [[0.5, 1, 2]]}, {"inputs": [0.5, 1, 2]}, {"inputs": [[0.5, 1]]}, {"inputs": [["x", 1, 2]]},
                                  {"inputs": [[None, 1, 2]]}, {"inputs": [[1, 2, 3], [1, 2]]}, {"inputs": {"x": [[1, 2, 3]]}}, {"inputs": [[[1, 2, 3]]]},
                                  split([[0.5, 1, 2]]), split([[0.5, 1]], ["a", "b"]), split([]), split([[[0.5, 1, 2]]], ["x"])], ids=json.dumps)
def test_tensors(both, body):
    both.agree("tensor", body)


def test_a_tensor_signature_takes_no_csv(both):
    both.agree("tensor", CSV["rows"], "text/csv")


@pytest.mark.parametrize("body", [{"inputs": [[0.5, 1, 2]]}, {"inputs": [[0.5, 1]]}, {"inputs": [1]}, {"inputs": {"a": [1], "b": [1], "c": [1]}}, {"inputs": 5}, {"dataframe_split": {"data": [[0.5, 1, 2]]}}], ids=json.dumps)
def test_columns_without_names(both, body):
    ours, theirs = both.post("unnamed", body)
    if theirs.status_code != 200:
        assert ours.status_code == theirs.status_code and ours.json()["error_code"] == theirs.json()["error_code"]
    else:
        assert ours.text == theirs.text


@pytest.mark.parametrize("body", [split([[0.5, 1, 2]]), FRAMES["records"], split([[0.5, 1]], ["a", "b"]), split([["x", 1, 2]])], ids=json.dumps)
def test_without_a_signature_frames_go_to_the_model(both, body):
    both.agree("plain", body)


def test_without_a_signature_arrays_and_csv_are_taken_too(both):
    answers = [both.post("plain", body, kind)[0].json()["predictions"] for body, kind in
               [(split([[0.5, 1, 2]]), "application/json"), ({"inputs": [[0.5, 1, 2]]}, "application/json"), ({"inputs": {"a": [0.5], "b": [1], "c": [2]}}, "application/json"), ("a,b,c\n0.5,1,2\n", "text/csv")]]
    assert answers == answers[:1] * 4


def test_an_optional_column_that_is_there(both):
    both.agree("optional", split([[0.5, 1, 2]]))
    both.agree("optional", split([[1]], ["c"]))


def test_params_that_the_signature_declares_are_refused_rather_than_ignored(both):
    ours, _ = both.post("params", {**split([[0.5, 1, 2]]), "params": {"output_margin": True}})
    assert ours.status_code == 400 and "output_margin" in ours.json()["message"]
    both.agree("params", split([[0.5, 1, 2]]))


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/json;charset=UTF-8", "text/plain", "application/json; charset=latin1", "application/json; version=1", "application/x-www-form-urlencoded"])
def test_content_types(both, kind):
    both.agree("columns", FRAMES["rows"], kind)


def test_a_thousand_rows_are_answered_to_the_bit(both):
    rows = np.random.default_rng(5).normal(size=(1000, 3)) * [1, 3, 1]
    both.agree("columns", split(rows.tolist()))
    both.agree("light", {"inputs": {name: rows[:, at].tolist() for at, name in enumerate(NAMES)}})


def test_mlflow_s_client_scores(both, monkeypatch):
    """The unmodified client knows only a host and a port; the endpoint is the one of the server, or named by a header."""
    client = ScoringServerClient("127.0.0.1", both.server.port)
    client.ping()
    client.wait_server_ready()
    assert client.get_version() == mlflow.__version__ or client.get_version()
    with pytest.raises(Exception, match="the endpoints classes, columns, light"):
        client.invoke(pd.DataFrame(ROWS[:3], columns=NAMES))
    monkeypatch.setattr(requests, "post", lambda url, **options: requests.request("POST", url + "?endpoint=columns", **options))
    frame = pd.DataFrame(ROWS[:50], columns=NAMES)
    answer = client.invoke(frame).get_predictions()[0].to_numpy()
    expected = mlflow.pyfunc.load_model("models:/columns/1").predict(frame.astype({"b": int, "c": "float32"}))
    np.testing.assert_array_equal(answer.astype(np.float32), expected)


def test_the_only_endpoint_of_a_server_answers_invocations(both, new_server, tmp_path):
    server = new_server(tmp_path / "one")
    post = {"data": json.dumps(FRAMES["rows"]), "headers": {"Content-Type": "application/json"}}
    assert server.post("/invocations", expect=404, **post)["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert requests.get(server.url + "/ping", timeout=10).text == "\n"


def test_packed_requests_and_answers(both):
    body = split(ROWS.tolist() * 10)
    url = f"{both.server.url}/endpoints/columns/invocations"
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    packed = requests.post(url, data=gzip.compress(json.dumps(body).encode()), headers=headers, timeout=60)
    assert packed.headers["Content-Encoding"] == "gzip"
    plain = requests.post(url, json=body, headers={"Accept-Encoding": "identity"}, timeout=60)
    assert "Content-Encoding" not in plain.headers and plain.text == packed.text
    bomb = requests.post(url, data=gzip.compress(b"0" * (80 << 20)), headers=headers, timeout=60)
    assert bomb.status_code == 413 and bomb.json()["error_code"] == "BAD_REQUEST"


def test_unknown_endpoints(both):
    answer = requests.post(f"{both.server.url}/endpoints/column/invocations", json=FRAMES["rows"], timeout=60)
    assert answer.status_code == 404 and 'did you mean "columns"' in answer.json()["message"]
