"""ONNX models that MLflow's client registered are served by ONNX Runtime, and answer what it answers, bit by bit."""

import json
import time

import mlflow
import numpy as np
import onnx_models
import pytest
import tritonclient.http as triton
from serving import register, serve

DATATYPES = {"float32": "FP32", "float16": "FP16", "int64": "INT64", "bool": "BOOL", "object": "BYTES"}


@pytest.fixture
def tracked(server, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(server.url)
    yield server
    mlflow.set_tracking_uri(None)


def log_and_serve(server, tmp_path, model, **options):
    register(mlflow.onnx, model, "scores", pip_requirements=["onnxruntime"], **options)
    return serve(server, tmp_path / "project", "scores")


def problem(server, seconds=60):
    """What is wrong with the endpoint, which is found out in the background; version 1 still serves."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        endpoint = server.get("/api/v1/endpoints/scores")
        if endpoint["problem"]:
            assert endpoint["version"] == 1
            return endpoint["problem"]
        time.sleep(0.05)
    raise AssertionError("nothing is wrong with the endpoint")


def tensor(name, array):
    data = [text if isinstance(text, str) else text.item() for text in array.ravel()]
    return {"name": name, "shape": list(array.shape), "datatype": DATATYPES[str(array.dtype)], "data": data}


def infer(server, inputs):
    body = json.dumps({"inputs": [tensor(name, array) for name, array in inputs.items()]})
    answer = server.post("/v2/models/scores/infer", data=body, headers={"Content-Type": "application/json"})
    return {output["name"]: output for output in answer["outputs"]}


def assert_same(answered, expected):
    """Of JSON: numbers are written so that the same float is read."""
    assert list(answered) == list(expected)
    for name, array in expected.items():
        output = answered[name]
        assert output["datatype"] == DATATYPES[str(array.dtype)] and output["shape"] == list(array.shape)
        np.testing.assert_array_equal(np.array(output["data"], array.dtype).reshape(array.shape), array)


def asked_by_triton(server, case):
    client = triton.InferenceServerClient(server.url.removeprefix("http://"))
    inputs = []
    for name, array in case.inputs.items():
        inputs.append(triton.InferInput(name, list(array.shape), DATATYPES[str(array.dtype)]))
        inputs[-1].set_data_from_numpy(np.char.encode(array.astype(str)).astype(object) if array.dtype == object else array)
    answer = client.infer("scores", inputs)
    return {name: answer.as_numpy(name) for name in case.expected()}


@pytest.mark.parametrize("name", onnx_models.CASES)
def test_a_model_answers_as_onnx_runtime_does(tracked, tmp_path, name):
    case = onnx_models.CASES[name]()
    log_and_serve(tracked, tmp_path, case.model)
    expected = case.expected()
    if name != "float16":  # which JSON has not
        assert_same(infer(tracked, case.inputs), expected)
    for output, array in asked_by_triton(tracked, case).items():
        if array.dtype == object:
            array = np.char.decode(array.astype(bytes)).astype(object)
        assert array.dtype == expected[output].dtype
        np.testing.assert_array_equal(array, expected[output])


def test_the_models_metadata_are_its_own(tracked, tmp_path):
    log_and_serve(tracked, tmp_path, onnx_models.random_forest().model)
    metadata = tracked.get("/v2/models/scores")
    assert metadata["platform"] == "onnx_onnxv1"
    assert metadata["inputs"] == [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}]
    assert metadata["outputs"] == [
        {"name": "output_label", "datatype": "BYTES", "shape": [-1]},
        {"name": "output_probability", "datatype": "FP32", "shape": [-1, 3]},
    ]


def test_what_does_not_fit_is_refused_and_the_next_request_is_answered(tracked, tmp_path):
    case = onnx_models.gradient_boosting()
    log_and_serve(tracked, tmp_path, case.model)
    for shape, datatype in (([1, 3], "FP32"), ([4], "FP32"), ([1, 4], "BYTES")):
        data = ["x"] * 4 if datatype == "BYTES" else [0.5] * int(np.prod(shape))
        body = {"inputs": [{"name": "X", "shape": shape, "datatype": datatype, "data": data}]}
        answer = tracked.request("POST", "/v2/models/scores/infer", expect=400, json=body)
        assert "X" in answer["error"]
    assert_same(infer(tracked, case.inputs), case.expected())


def test_a_version_that_onnx_runtime_refuses_leaves_the_one_before(tracked, tmp_path):
    case = onnx_models.gradient_boosting()
    log_and_serve(tracked, tmp_path, case.model)
    broken = onnx_models.gradient_boosting().model
    del broken.graph.node[0].attribute[3:]
    log_and_serve(tracked, tmp_path, broken)
    assert "version 2: ONNX Runtime: " in problem(tracked)
    assert_same(infer(tracked, case.inputs), case.expected())


def test_a_model_that_kills_who_loads_it_leaves_the_server_and_the_version_before(tracked, tmp_path):
    case = onnx_models.gradient_boosting()
    log_and_serve(tracked, tmp_path, case.model)
    log_and_serve(tracked, tmp_path, onnx_models.deadly())
    assert "a process that loaded it to try it was killed by signal" in problem(tracked)
    assert_same(infer(tracked, case.inputs), case.expected())
