"""TensorFlow Serving's REST API, which KServe's first protocol is, too."""

import mlflow
import numpy as np
import pytest
import requests
import xgboost as xgb
from serving import register, serve

NAMES = ["a", "b"]
ROWS = np.random.default_rng(3).normal(size=(200, 2))


@pytest.fixture(scope="module")
def boosters():
    data = xgb.DMatrix(ROWS, np.digitize(ROWS[:, 0], [-0.5, 0.5]), feature_names=NAMES)
    return {"scores": xgb.train({"nthread": 1}, data, 5), "classes": xgb.train({"objective": "multi:softprob", "num_class": 3, "nthread": 1}, data, 5)}


@pytest.fixture(scope="module")
def served(tracking, boosters, tmp_path_factory):
    for name, booster in boosters.items():
        register(mlflow.xgboost, booster, name)
    assert serve(tracking, tmp_path_factory.mktemp("v1"), *boosters).returncode == 0
    return tracking


def predict(served, body, model="scores", verb=":predict", expect=None):
    options = {"data": body} if isinstance(body, str) else {"json": body}
    return served.post(f"/v1/models/{model}{verb}", expect=expect, **options)


@pytest.mark.parametrize("model", ["scores", "classes"])
def test_rows_and_columns_answer_the_same(served, boosters, model):
    expected = boosters[model].predict(xgb.DMatrix(ROWS, feature_names=NAMES)).astype(np.float64)
    rows = predict(served, {"instances": [dict(zip(NAMES, row)) for row in ROWS.tolist()]}, model)
    lists = predict(served, {"signature_name": "serving_default", "instances": ROWS.tolist()}, model)
    columns = predict(served, {"inputs": {name: ROWS[:, at].tolist() for at, name in enumerate(NAMES)}}, model)
    whole = predict(served, {"inputs": ROWS.tolist()}, model)
    for answer, key in ((rows, "predictions"), (lists, "predictions"), (columns, "outputs"), (whole, "outputs")):
        assert list(answer) == [key]
        np.testing.assert_array_equal(answer[key], expected)


@pytest.mark.parametrize("verb", [":predict", ":PREDICT", "/versions/1:predict", "/labels/champion:predict"])
def test_versions_and_labels(served, verb):
    assert len(predict(served, {"instances": [[1, 2]]}, verb=verb)["predictions"]) == 1


def test_bare_numbers_are_read(served, boosters):
    answer = predict(served, '{"instances": [[NaN, 1], [Infinity, -Infinity]]}')
    rows = np.array([[np.nan, 1], [np.inf, -np.inf]])
    np.testing.assert_array_equal(answer["predictions"], boosters["scores"].inplace_predict(rows, validate_features=False).astype(np.float64))


@pytest.mark.parametrize("verb,body,status,why", [
    ("/versions/2:predict", {"instances": [[1, 2]]}, 404, "does not serve version 2"),
    ("/labels/stable:predict", {"instances": [[1, 2]]}, 404, "does not serve label stable"),
    (":classify", {"examples": []}, 501, "ask :predict"),
    (":regress", {"examples": []}, 501, "ask :predict"),
    (":explain", {"instances": []}, 404, "ask :predict"),
    ("", {"instances": []}, 404, "ask :predict"),
    (":predict", {"instances": [[1, 2]], "signature_name": "other"}, 400, 'no signature "other"'),
    (":predict", {"instances": [[1, 2]], "inputs": [[1, 2]]}, 400, "exactly one"),
    (":predict", {"instances": {"a": [1]}}, 400, "must be a list"),
    (":predict", {"instances": [{"a": 1}, 5]}, 400, "all be objects"),
    (":predict", {"instances": [{"a": 1}]}, 400, 'needs input "b"'),
    (":predict", {"instances": [{"a": 1, "b": 1}, {"a": 1}]}, 400, "of one length"),
    (":predict", {"instances": [[1, 2, 3]]}, 400, "takes 2 values a row"),
    (":predict", {"instances": [[1, 2], [1]]}, 400, "of one length"),
    (":predict", {"inputs": {"a": ["x"], "b": [1]}}, 400, "not a number"),
    (":predict", {"instances": [{"a": {"b64": "?"}, "b": 1}]}, 400, "not base64"),
    (":predict", {}, 400, '"instances" or "inputs"'),
    (":predict", "{", 400, "not valid JSON"),
])
def test_what_is_wrong_is_said(served, verb, body, status, why):
    answer = predict(served, body, verb=verb, expect=status)
    assert list(answer) == ["error"] and why in answer["error"]


def test_status_and_metadata(served):
    version = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert served.get("/v1/models") == {"models": ["classes", "scores"]}
    for path in ("", "/versions/1", "/labels/champion"):
        assert served.get("/v1/models/scores" + path) == {"name": "scores", "ready": True, "model_version_status": [version]}
        metadata = served.get(f"/v1/models/scores{path}/metadata")
        assert metadata["model_spec"] == {"name": "scores", "signature_name": "", "version": "1"}
        signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
        assert signature["inputs"]["a"] == {"dtype": "DT_DOUBLE", "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}, "name": "a"}
    assert "did you mean" in served.request("GET", "/v1/models/score", expect=404)["error"]
    assert requests.get(served.url + "/v1/models/scores/versions/2", timeout=10).status_code == 404
