"""Triton's HTTP extensions, driven by its own client, and by requests that no client sends."""

import asyncio
import gzip
import json
import struct

import mlflow
import numpy as np
import pytest
import requests
import tritonclient.http
import tritonclient.http.aio
import xgboost as xgb
from mlflow import MlflowClient
from serving import register, serve
from tritonclient.utils import InferenceServerException

NAMES = ["a", "b", "c"]
ROWS = np.random.default_rng(3).normal(size=(400, 3))
LABEL = np.digitize(ROWS[:, 0] * 2 - np.floor(ROWS[:, 1] * 3), [-1, 1])


@pytest.fixture(scope="module")
def boosters():
    data = xgb.DMatrix(ROWS, LABEL, feature_names=NAMES)
    return {"classes": xgb.train({"objective": "multi:softprob", "num_class": 3, "nthread": 1}, data, 10), "plain": xgb.train({"nthread": 1}, data, 10)}


@pytest.fixture(scope="module")
def served(tracking, boosters, tmp_path_factory):
    for name, booster in boosters.items():
        register(mlflow.xgboost, booster, name)
    assert serve(tracking, tmp_path_factory.mktemp("triton"), *boosters).returncode == 0
    return tracking


@pytest.fixture
def client(served):
    with tritonclient.http.InferenceServerClient(served.url.removeprefix("http://")) as client:
        yield client


@pytest.fixture(scope="module")
def expected(boosters):
    return {name: booster.predict(xgb.DMatrix(ROWS, feature_names=NAMES)).astype(np.float64) for name, booster in boosters.items()}


def columns(binary=True, dtype=np.float64, datatype="FP64", rows=ROWS):
    inputs = []
    for at, name in enumerate(NAMES):
        inputs.append(tritonclient.http.InferInput(name, [len(rows)], datatype))
        inputs[-1].set_data_from_numpy(rows[:, at].astype(dtype), binary_data=binary)
    return inputs


def whole(binary=True, rows=ROWS):
    tensor = tritonclient.http.InferInput("rows", list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows.astype(np.float32), binary_data=binary)
    return [tensor]


def wanted(binary=True, **options):
    return [tritonclient.http.InferRequestedOutput("prediction", binary_data=binary, **options)]


@pytest.mark.parametrize("outputs", [None, wanted(True), wanted(False)], ids=["unsaid", "binary", "json"])
@pytest.mark.parametrize("inputs", [columns(True), columns(False), whole(True), whole(False)], ids=["columns", "json columns", "whole", "json whole"])
@pytest.mark.parametrize("model", ["classes", "plain"])
def test_binary_and_json_answer_the_same(client, expected, model, inputs, outputs):
    answer = client.infer(model, inputs, outputs=outputs)
    np.testing.assert_array_equal(answer.as_numpy("prediction"), expected[model])
    has_bytes = "binary_data_size" in answer.get_output("prediction").get("parameters", {})
    assert has_bytes == (outputs is None or outputs[0]._binary)


@pytest.mark.parametrize("dtype,datatype", [(np.float32, "FP32"), (np.float16, "FP16"), (np.int8, "INT8"), (np.int64, "INT64"), (np.uint16, "UINT16"), (bool, "BOOL")])
def test_every_datatype_comes_as_binary_data(client, boosters, dtype, datatype):
    rows = np.random.default_rng(5).integers(0, 2, size=(20, 3)).astype(dtype)
    answer = client.infer("plain", columns(True, dtype, datatype, rows)).as_numpy("prediction")
    np.testing.assert_array_equal(answer, boosters["plain"].predict(xgb.DMatrix(rows.astype(np.float32), feature_names=NAMES)).astype(np.float64))


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_compression(client, expected, coding, binary):
    answer = client.infer("classes", columns(binary), outputs=wanted(binary), request_compression_algorithm=coding, response_compression_algorithm=coding)
    np.testing.assert_array_equal(answer.as_numpy("prediction"), expected["classes"])


def test_the_asynchronous_clients(served, client, expected):
    running = [client.async_infer("plain", columns(), outputs=wanted()) for _ in range(8)]
    for answer in running:
        np.testing.assert_array_equal(answer.get_result().as_numpy("prediction"), expected["plain"])

    async def ask():
        async with tritonclient.http.aio.InferenceServerClient(served.url.removeprefix("http://")) as aio:
            answers = await asyncio.gather(*(aio.infer("classes", columns(binary), outputs=wanted(binary)) for binary in (True, False) * 4))
            return [answer.as_numpy("prediction") for answer in answers]

    for answer in asyncio.run(ask()):
        np.testing.assert_array_equal(answer, expected["classes"])


def test_classification(client, expected):
    answer = client.infer("classes", columns(), outputs=wanted(class_count=2)).as_numpy("prediction")
    assert answer.shape == (len(ROWS), 2)
    order = np.argsort(-expected["classes"], axis=1, kind="stable")[:, :2]
    for row, values in enumerate(answer):
        assert [text.decode() for text in values] == [f"{expected['classes'][row, at]:f}:{at}" for at in order[row]]


def test_outputs_that_are_unknown_or_asked_for_twice_are_refused(client):
    with pytest.raises(InferenceServerException, match='no output "predictions"; did you mean "prediction"'):
        client.infer("plain", columns(), outputs=[tritonclient.http.InferRequestedOutput("predictions")])
    with pytest.raises(InferenceServerException, match="asked for twice"):
        client.infer("plain", columns(), outputs=wanted() * 2)


def test_priority_and_timeout_are_taken(client, expected):
    answer = client.infer("plain", columns(), priority=1, timeout=1_000_000, parameters={"note": "any"})
    np.testing.assert_array_equal(answer.as_numpy("prediction"), expected["plain"])
    with pytest.raises(InferenceServerException, match='"timeout" must be a whole number'):
        client.infer("plain", columns(), timeout=-5)


def test_what_is_said_of_the_server(client):
    extensions = set(client.get_server_metadata()["extensions"])
    assert extensions == {"binary_tensor_data", "classification", "model_configuration", "model_repository", "parameters", "schedule_policy", "statistics"}


def test_configuration(client):
    config = client.get_model_config("classes")
    assert (config["name"], config["platform"], config["max_batch_size"]) == ("classes", "xgboost_mlmodel", 0)
    assert config["input"] == [{"name": name, "data_type": "TYPE_FP64", "dims": [-1]} for name in NAMES]
    assert config["output"] == [{"name": "prediction", "data_type": "TYPE_FP64", "dims": [-1, 3]}]
    assert client.get_model_config("classes", "1") == config
    with pytest.raises(InferenceServerException, match="does not serve version 7"):
        client.get_model_config("classes", "7")


def phases(statistics):
    return {name: statistics["inference_stats"][name] for name in ("compute_input", "compute_infer", "compute_output", "queue")}


def test_statistics_count_requests_rows_and_time(client):
    def read(model="plain", **options):
        return client.get_inference_statistics(model, **options)["model_stats"][0]

    client.infer("plain", columns())
    before = read()
    for _ in range(3):
        client.infer("plain", columns())
    client.infer("plain", whole(rows=ROWS[:1]))
    with pytest.raises(InferenceServerException):
        client.infer("plain", columns()[:2])
    after = read()
    assert (after["name"], after["version"]) == ("plain", "1")
    assert after["execution_count"] - before["execution_count"] == 4
    assert after["inference_count"] - before["inference_count"] == 3 * len(ROWS) + 1
    stats = after["inference_stats"]
    assert stats["success"]["count"] - before["inference_stats"]["success"]["count"] == 4
    assert stats["fail"]["count"] - before["inference_stats"]["fail"]["count"] == 1
    assert stats["fail"]["ns"] > before["inference_stats"]["fail"]["ns"]
    assert stats["success"]["ns"] == sum(phase["ns"] for phase in phases(after).values())
    assert all(phase["ns"] > 0 for name, phase in phases(after).items() if name != "queue")
    assert after["last_inference"] >= before["last_inference"] > 1_600_000_000_000
    batches = {batch["batch_size"]: batch["compute_infer"]["count"] for batch in after["batch_stats"]}
    assert batches[len(ROWS)] >= 4 and batches[1] >= 1
    assert sum(batches.values()) == after["execution_count"]
    assert read(model_version="1")["execution_count"] == after["execution_count"]
    assert {entry["name"] for entry in client.get_inference_statistics()["model_stats"]} == {"classes", "plain"}


def test_the_repository_is_listed_and_endpoints_are_unloaded_and_loaded(served, client, expected):
    assert client.get_model_repository_index() == [{"name": name, "version": "1", "state": "READY", "reason": ""} for name in ("classes", "plain")]
    client.unload_model("plain")
    assert not client.is_model_ready("plain") and not client.is_server_ready()
    assert served.request("GET", "/v2/models/plain/ready", expect=503)["error"] == "it was unloaded; load it to have it answer again"
    with pytest.raises(InferenceServerException, match="it was unloaded"):
        client.infer("plain", columns())
    assert [entry["state"] for entry in client.get_model_repository_index()] == ["READY", "UNAVAILABLE"]
    assert len(served.post("/v2/repository/index", json={"ready": True})) == 1
    MlflowClient(served.url).set_registered_model_alias("plain", "champion", "1")  # what moves does not load it
    assert not client.is_model_ready("plain")
    client.load_model("plain")
    assert client.is_model_ready("plain")
    np.testing.assert_array_equal(client.infer("plain", columns()).as_numpy("prediction"), expected["plain"])
    client.load_model("plain")
    with pytest.raises(InferenceServerException, match='did you mean "plain"'):
        client.load_model("plane")
    with pytest.raises(InferenceServerException, match="an endpoint is what its document says"):
        client.load_model("plain", config="{}", files={"file:1/model": b"x"})


def test_what_triton_has_and_millrace_has_not(client):
    for ask in (client.get_log_settings, client.get_trace_settings, lambda: client.get_trace_settings("plain"), lambda: client.update_log_settings({})):
        with pytest.raises(InferenceServerException, match="millrace has no"):
            ask()


def test_nan_is_missing_and_infinity_infinite(client, boosters):
    rows = np.array([[np.nan, 1, np.inf], [0, -np.inf, np.nan]])
    scores = boosters["plain"].inplace_predict(rows, validate_features=False).astype(np.float64)
    for binary in (True, False):
        np.testing.assert_array_equal(client.infer("plain", columns(binary, rows=rows)).as_numpy("prediction"), scores)


def post(served, body, path="/v2/models/plain/infer", **headers):
    return requests.post(served.url + path, data=body, headers=headers, timeout=60)


def tensor(**changes):
    return {"name": "rows", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3], **changes}


def binary(size, **changes):
    return {key: value for key, value in tensor(parameters={"binary_data_size": size}, **changes).items() if key != "data"}


def message(*inputs, **more):
    return json.dumps({"inputs": list(inputs), **more})


FLOATS = struct.pack("<3f", 1, 2, 3)
# What Triton's own tests send, and more of the kind: JSON, bytes behind it, what the header says of the JSON's length.
HOSTILE = {
    "longer header than body": (message(binary(12)), FLOATS, 10**6),
    "a header that is no number": (message(binary(12)), FLOATS, "many"),
    "a negative header": (message(binary(12)), FLOATS, "-1"),
    "an overflowing header": (message(binary(12)), FLOATS, "18446744073709551617"),
    "a header within the JSON": (message(binary(12)), FLOATS, 10),
    "too few bytes": (message(binary(12)), FLOATS[:8], None),
    "too many bytes": (message(binary(12)), FLOATS * 2, None),
    "a size that is not the shape's": (message(binary(8)), FLOATS[:8], None),
    "a negative size": (message(binary(-12)), FLOATS, None),
    "an overflowing size": (message(binary(2**63)), FLOATS, None),
    "a size that is a text": (message(binary("12")), FLOATS, None),
    "a negative shape": (message(tensor(shape=[-1, 3])), b"", None),
    "an overflowing shape": (message(tensor(shape=[2**62, 4])), b"", None),
    "a shape of many": (message(tensor(shape=[2**31, 2**31])), b"", None),
    "a shape beyond integers": (message(tensor(shape=[2**65])), b"", None),
    "a shape of fractions": (message(tensor(shape=[1.5, 2])), b"", None),
    "no shape": (message({"name": "rows", "datatype": "FP32", "data": [1, 2, 3]}), b"", None),
    "fewer values than the shape": (message(tensor(data=[1, 2])), b"", None),
    "more values than the shape": (message(tensor(data=[1, 2, 3, 4])), b"", None),
    "no values": (message(tensor(shape=[0, 4], data=[])), b"", None),
    "an unknown datatype": (message(tensor(datatype="FP33")), b"", None),
    "texts as numbers": (message(tensor(data=["a", "b", "c"])), b"", None),
    "an input twice": (message(tensor(), tensor()), b"", None),
    "a column twice": (message(*[{"name": "a", "datatype": "FP32", "shape": [1], "data": [1]}] * 3), b"", None),
    "deep JSON": ('{"inputs":' + "[" * 100_000, b"", None),
    "deep data": (message(tensor(data=json.loads("[" * 50 + "]" * 50))), b"", None),
    "text behind its end": (message(binary(8, datatype="BYTES", shape=[1])), struct.pack("<I", 10) + b"text", None),
    "text without its length": (message(binary(2, datatype="BYTES", shape=[1])), b"ab", None),
    "shared memory": (message({"name": "rows", "datatype": "FP32", "shape": [1, 3], "parameters": {"shared_memory_region": "r", "shared_memory_byte_size": 12}}), b"", None),
    "parameters that are a list": (message(tensor(), parameters=[]), b"", None),
    "outputs that are an object": (message(tensor(), outputs={}), b"", None),
    "an output without a name": (message(tensor(), outputs=[{}]), b"", None),
    "classification of none": (message(tensor(), outputs=[{"name": "prediction", "parameters": {"classification": 0}}]), b"", None),
    "an id that is a number": (message(tensor(), id=5), b"", None),
    "inputs that are an object": ('{"inputs": {}}', b"", None),
    "no inputs": ("{}", b"", None),
    "a list": ("[]", b"", None),
    "an empty body": ("", b"", None),
    "no UTF-8": (b'{"inputs": [{"name": "\xff"}]}', b"", None),
    "NUL bytes": (b"\0" * 100, b"", None),
}


@pytest.mark.parametrize("case", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_requests_get_an_error_in_the_protocol_s_shape(served, case):
    body, rest, length = case
    body = body if isinstance(body, bytes) else body.encode()
    headers = {"Inference-Header-Content-Length": str(len(body) if length is None else length)} if rest or length else {}
    answer = post(served, body + rest, **headers)
    assert answer.status_code in (400, 501), answer.text
    assert list(answer.json()) == ["error"] and answer.json()["error"]
    assert served.get("/v2/health/live") == {"live": True}


def test_bombs_and_unknown_codings(served):
    bomb = post(served, gzip.compress(b" " * (100 << 20)), **{"Content-Encoding": "gzip"})
    assert bomb.status_code == 413 and "unpacks to more than" in bomb.json()["error"]
    unknown = post(served, b"x", **{"Content-Encoding": "br"})
    assert unknown.status_code == 415 and unknown.headers["Accept-Encoding"] == "gzip, deflate"
    assert post(served, b"no gzip", **{"Content-Encoding": "gzip"}).status_code == 400


def test_nothing_is_scored_to_nothing(served):
    for body, headers in [(message(tensor(shape=[0, 3], data=[])), {}), (message(binary(0, shape=[0, 3])), {"Inference-Header-Content-Length": str(len(message(binary(0, shape=[0, 3]))))})]:
        answer = post(served, body, **headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["outputs"][0]["shape"] == [0]


def test_a_raw_request_needs_a_model_of_one_input(served):
    answer = post(served, FLOATS, **{"Inference-Header-Content-Length": "0"})
    assert answer.status_code == 400 and "models of one input" in answer.json()["error"]
