"""MLflow's protocol byte by byte: what its client would never send, and what it must be able to read."""

import concurrent.futures
import json
import time

import mlflow
import pytest
import requests

TWINS = ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow"]
DOCS = " See the API docs for more information about request parameters."


@pytest.fixture
def post(shared_server):
    """Posts JSON, or bytes as they are."""

    def send(path, body, expect=200, twin=TWINS[0], **headers):
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        response = requests.post(shared_server.url + twin + path, data=data, headers={"Content-Type": "application/json", **headers}, timeout=60)
        assert response.status_code == expect, f"{path}: {response.status_code} {response.text[:500]}"
        assert response.headers["Content-Type"] == "application/json"
        return response.json()

    return send


@pytest.fixture
def get(shared_server):
    def send(path, expect=200, twin=TWINS[0], **parameters):
        response = requests.get(shared_server.url + twin + path, params=parameters, timeout=60)
        assert response.status_code == expect, f"{path}: {response.status_code} {response.text[:500]}"
        return response.json()

    return send


@pytest.fixture
def run(post):
    return post("/runs/create", {"experiment_id": "0", "start_time": 5})["run"]["info"]["run_id"]


def log_steps(post, run, steps, key="m"):
    post("/runs/log-batch", {"run_id": run, "metrics": [{"key": key, "value": step / 2, "timestamp": 1000 + step, "step": step} for step in steps]})


# Shapes


@pytest.mark.parametrize("twin", TWINS)
def test_both_twins_answer(post, get, twin):
    name = f"twin-{time.time_ns()}"
    id = post("/experiments/create", {"name": name}, twin=twin)["experiment_id"]
    found = get("/experiments/get", experiment_id=id, twin=twin)["experiment"]
    assert list(found) == ["experiment_id", "name", "artifact_location", "lifecycle_stage", "last_update_time", "creation_time"]
    assert found["experiment_id"] == id and isinstance(found["creation_time"], int)
    assert post("/experiments/delete", {"experiment_id": id}, twin=twin) == {}


def test_a_run_as_protobuf_writes_it(post, get, run):
    post("/runs/log-metric", {"run_id": run, "key": "m", "value": 2, "timestamp": 7})
    found = get("/runs/get", run_id=run)["run"]
    assert set(found["info"]) == {"run_uuid", "experiment_id", "run_name", "user_id", "status", "start_time", "artifact_uri", "lifecycle_stage", "run_id"}
    assert found["info"]["status"] == "RUNNING" and found["info"]["start_time"] == 5 and found["info"]["experiment_id"] == "0"
    assert found["data"]["metrics"] == [{"key": "m", "value": 2.0, "timestamp": 7, "step": 0}]
    assert "params" not in found["data"] and found["inputs"] == {} and found["outputs"] == {}
    ended = post("/runs/update", {"run_id": run, "status": "FINISHED", "end_time": "99"})["run_info"]
    assert (ended["status"], ended["end_time"]) == ("FINISHED", 99)


def test_version_server_info_and_health(shared_server):
    version = requests.get(shared_server.url + "/version", timeout=10)
    assert version.text == mlflow.__version__ and version.headers["Content-Type"].startswith("text/plain")
    for twin in ("/api", "/ajax-api"):
        info = requests.get(f"{shared_server.url}{twin}/3.0/mlflow/server-info", timeout=10).json()
        assert info["store_type"] == "SqlStore" and info["workspaces_enabled"] is False
    assert requests.get(shared_server.url + "/health", timeout=10).status_code == 200


@pytest.mark.parametrize("path", ["gateway/endpoints/list", "review-queues/list", "label-schemas/list", "scorers/list", "prompt-optimization/jobs", "demo/generate"])
def test_what_belongs_to_language_models_is_not_implemented(shared_server, path):
    for twin in ("/api", "/ajax-api"):
        for method in ("GET", "POST"):
            response = requests.request(method, f"{shared_server.url}{twin}/3.0/mlflow/{path}", timeout=10)
            assert response.status_code == 501 and response.json()["error_code"] == "NOT_IMPLEMENTED"


def test_an_unknown_path_is_said_in_mlflows_shape(shared_server):
    for path in ("/api/2.0/mlflow/nothing", "/ajax-api/3.0/mlflow/nothing/deep", "/api/2.0/mlflow"):
        response = requests.get(shared_server.url + path, timeout=10)
        assert response.status_code == 404 and response.json()["error_code"] == "ENDPOINT_NOT_FOUND"


# Requests


def test_old_and_loose_forms_are_read(post, get, run):
    post("/runs/log-metric", {"run_uuid": run, "key": "a", "value": "1.5", "timestamp": "7", "step": "3", "unknown": {}})
    post("/runs/log-metric", {"runId": run, "key": "b", "value": 1, "timestamp": 7.0, "step": 1.5})
    post("/runs/log-parameter", json.dumps(json.dumps({"run_id": run, "key": "p", "value": "twice"})))
    post("/runs/update", {"run_id": run, "status": 3})
    data = get("/runs/get", run_uuid=run)["run"]
    assert data["data"]["metrics"] == [{"key": "a", "value": 1.5, "timestamp": 7, "step": 3}, {"key": "b", "value": 1.0, "timestamp": 7, "step": 0}]
    assert data["data"]["params"] == [{"key": "p", "value": "twice"}] and data["info"]["status"] == "FINISHED"


def test_a_post_must_say_that_it_is_json(shared_server):
    for headers, message in [({}, "Bad Request. Content-Type header is missing."), ({"Content-Type": "text/plain"}, "Bad Request. Content-Type must be one of ['application/json'].")]:
        request = requests.Request("POST", f"{shared_server.url}/api/2.0/mlflow/experiments/create", data=b"{}", headers=headers).prepare()
        response = requests.Session().send(request, timeout=10)
        assert response.status_code == 400 and response.json()["message"] == message


@pytest.mark.parametrize("name, body", [
    ("cut off", b'{"name": "x"'), ("not JSON", b"name=x"), ("a list", b"[]"), ("a number", b"7"), ("bad UTF-8", b'{"name": "\xff\xfe"}'), ("NUL", b'{"name": "a\\u0000b"}'),
    ("deep", b"[" * 100_000), ("deep objects", b'{"name":' * 100_000), ("deep and whole", b'{"tags":' + b"[" * 5000 + b"]" * 5000 + b"}"), ("a lone surrogate", b'{"name": "\\ud800"}'),
    ("a huge number", b'{"name": 1e999}'), ("a text of deep JSON", json.dumps("[" * 100_000).encode()), ("two documents", b'{"name": "x"}{"name": "y"}'), ("a wrong type", b'{"name": {"x": 1}}'),
    ("tags that are none", b'{"name": "x", "tags": "a"}'), ("tags of the wrong kind", b'{"name": "x", "tags": [1]}')])
def test_a_hostile_body_is_the_clients_fault(post, get, name, body):
    begun = time.monotonic()
    error = post("/experiments/create", body, 400)
    assert error["error_code"] == "INVALID_PARAMETER_VALUE" and len(error["message"]) < 2000
    assert time.monotonic() - begun < 5
    assert get("/experiments/get", experiment_id="0")


def test_a_body_beyond_all_measure_is_refused(shared_server, get):
    response = requests.post(f"{shared_server.url}/api/2.0/mlflow/runs/log-batch", data=b" " * (25 << 20), headers={"Content-Type": "application/json"}, timeout=60)
    assert response.status_code == 413
    assert get("/experiments/get", experiment_id="0")


def test_many_empty_objects_cost_little(post, run):
    begun = time.monotonic()
    error = post("/runs/log-batch", b'{"run_id": "%s", "metrics": [%s{}]}' % (run.encode(), b"{}," * 1_000_000), 400)
    assert "Missing value for required parameter 'metrics[0].key'." in error["message"]
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("path, body, message", [
    ("/experiments/create", {}, "Missing value for required parameter 'name'." + DOCS),
    ("/experiments/create", {"name": ""}, "Missing value for required parameter 'name'." + DOCS),
    ("/experiments/create", {"name": 5}, "Invalid value 5 for parameter 'name' supplied:  Hint: Value was of type 'int'." + DOCS),
    ("/experiments/create", {"name": "x", "artifact_location": "s3://b#f"}, "'artifact_location' URL can't include fragments or params."),
    ("/runs/create", {"experiment_id": "0", "start_time": "soon"}, "Invalid value \"soon\" for parameter 'start_time' supplied:  Hint: Value was of type 'str'." + DOCS),
    ("/runs/get", None, "Missing value for required parameter 'run_id'." + DOCS),
    ("/runs/log-metric", {"run_id": "x"}, "Missing value for required parameter 'key'." + DOCS),
    ("/runs/log-metric", {"run_id": "x", "key": "k", "timestamp": 1}, "Missing value for required parameter 'value'." + DOCS),
    ("/runs/log-metric", {"run_id": "x", "key": "k", "value": True, "timestamp": 1}, "Invalid value true for parameter 'value' supplied:  Hint: Value was of type 'bool'." + DOCS),
    ("/runs/log-metric", {"run_id": "x", "key": "k", "value": 1, "timestamp": -1}, "Invalid value -1 for parameter 'timestamp' supplied: metric 'k' (value=1.0). Timestamp must be a nonnegative long (64-bit integer) "),
    ("/runs/log-metric", {"run_id": "x", "key": "../k", "value": 1, "timestamp": 1}, "Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '../k'"),
    ("/runs/log-metric", {"run_id": "x", "key": "a,b", "value": 1, "timestamp": 1}, "Invalid value \"a,b\" for parameter 'name' supplied: Names may only contain alphanumerics"),
    ("/runs/log-batch", {"run_id": "x", "metrics": [{"key": "k", "value": 1, "timestamp": 1}, {"key": "k", "value": 1}]}, "Missing value for required parameter 'metrics[1].timestamp'." + DOCS),
    ("/runs/log-batch", {"run_id": "x", "params": [{"key": "dup", "value": "1"}, {"key": "dup", "value": "1"}]}, "Duplicate parameter keys have been submitted: ['dup']. Please ensure the request contains only one param value per param key."),
    ("/runs/log-batch", {"run_id": "x", "metrics": [{"key": "k", "value": 1, "timestamp": 1}] * 1001}, "A batch logging request can contain at most 1000 metrics. Got 1001 metrics. Please split up metrics across multiple requests and try again."),
    ("/runs/log-batch", {"run_id": "x", "params": [{"key": str(i), "value": ""} for i in range(101)]}, "A batch logging request can contain at most 100 params."),
    ("/runs/log-batch", {"run_id": "x", "metrics": [{"key": "k", "value": 1, "timestamp": i} for i in range(950)], "tags": [{"key": str(i), "value": ""} for i in range(60)]}, "at most 1000 metrics, params, and tags. Got 1010"),
    ("/runs/log-batch", {"run_id": "a/b"}, "Invalid value \"a/b\" for parameter 'run_id' supplied."),
    ("/runs/log-model", {"run_id": "x", "model_json": "{"}, "Malformed model info."),
    ("/runs/log-model", {"run_id": "x", "model_json": '{"flavors": {}}'}, "Model json is missing mandatory fields: {'artifact_path', 'utc_time_created', 'run_id'}"),
    ("/experiments/search-datasets", {}, "SearchDatasets request must specify at least one experiment_id."),
    ("/logged-models/search", {}, "Missing value for required parameter 'experiment_ids'." + DOCS),
])
def test_what_is_wrong_is_said_in_mlflows_words(post, get, path, body, message):
    error = get(path, 400) if body is None else post(path, body, 400)
    assert error["error_code"] == "INVALID_PARAMETER_VALUE"
    assert message in error["message"]


def test_bare_words_for_numbers_are_read(post, get, run):
    post("/runs/log-batch", '{"run_id": "%s", "metrics": [{"key": "a", "value": NaN, "timestamp": 1}, {"key": "b", "value": -Infinity, "timestamp": 1}]}' % run)
    metrics = get("/runs/get", run_id=run)["run"]["data"]["metrics"]
    assert [metric["value"] for metric in metrics] == ["NaN", -1.7976931348623157e308]


def test_numbers_at_the_ends_of_their_types(post, get, run):
    most, least = 2**63 - 1, -(2**63)
    post("/runs/log-batch", {"run_id": run, "metrics": [{"key": "m", "value": 5e-324, "timestamp": 0, "step": least}, {"key": "m", "value": 1, "timestamp": 1, "step": most}]})
    history = get("/metrics/get-history", run_id=run, metric_key="m")["metrics"]
    assert [(point["value"], point["step"]) for point in history] == [(5e-324, least), (1.0, most)]
    assert len(get("/metrics/get-history-bulk-interval", run_ids=run, metric_key="m")["metrics"]) == 2
    assert post("/runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1, "step": 2**63}, 400)


# Histories


def test_a_history_in_pages_of_any_order(post, get, run):
    log_steps(post, run, [5, 3, 9, 1, 7, 1])
    pages, token = [], None
    while True:
        page = get("/metrics/get-history", run_id=run, metric_key="m", max_results=2, page_token=token)
        pages += [point["step"] for point in page["metrics"]]
        token = page.get("next_page_token")
        if token is None:
            break
    assert pages == [1, 3, 5, 7, 9]
    assert get("/metrics/get-history", run_id=run, metric_key="other") == {}
    assert get("/metrics/get-history", run_id="nobody", metric_key="m") == {}
    assert "must be a positive integer" in get("/metrics/get-history", 400, run_id=run, metric_key="m", max_results=0)["message"]
    assert get("/metrics/get-history", 400, run_id=run, metric_key="m", max_results=1, page_token="x")["error_code"] == "INVALID_PARAMETER_VALUE"


def test_histories_of_several_runs(post, get, run):
    other = post("/runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    log_steps(post, run, range(3))
    log_steps(post, other, range(2))
    found = get("/metrics/get-history-bulk", run_id=[run, other, "nobody"], metric_key="m")["metrics"]
    assert [(point["run_id"], point["step"]) for point in found] == sorted([(run, 0), (run, 1), (run, 2), (other, 0), (other, 1)])
    assert len(get("/metrics/get-history-bulk", run_id=[run, other], metric_key="m", max_results=4)["metrics"]) == 4
    assert get("/metrics/get-history-bulk", run_id=[run], metric_key="none") == {"metrics": []}
    assert "at least one run_id" in get("/metrics/get-history-bulk", 400, metric_key="m")["message"]
    assert "more than 100 run_ids. Received 101" in get("/metrics/get-history-bulk", 400, run_id=["x"] * 101, metric_key="m")["message"]
    assert "must specify a metric_key" in get("/metrics/get-history-bulk", 400, run_id=run)["message"]


@pytest.mark.parametrize("steps", [list(range(1000)), list(range(0, 10_000, 10)), list(range(999, -1, -1)), [0] * 1000], ids=["in order", "every tenth", "backwards", "one step"])
def test_a_sample_has_the_first_of_each_part_and_the_last(post, get, run, steps):
    points = [{"key": "m", "value": i, "timestamp": 1000 + i, "step": step} for i, step in enumerate(steps)]
    post("/runs/log-batch", {"run_id": run, "metrics": points})
    ordered = sorted((point["step"], point["timestamp"]) for point in points)
    for limit in (1, 3, 320, 999, 1000, 2500):
        found = get("/metrics/get-history-bulk-interval", twin=TWINS[1], run_ids=run, metric_key="m", max_results=limit)["metrics"]
        parts = min(limit, 1000)
        places = [part * (1000 // parts) + min(part, 1000 % parts) for part in range(parts)]
        places[-1] = 999
        assert [(point["step"], point["timestamp"]) for point in found] == [ordered[place] for place in places]
    part = get("/metrics/get-history-bulk-interval", run_ids=run, metric_key="m", start_step=ordered[10][0], end_step=ordered[19][0])["metrics"]
    assert [point["step"] for point in part] == [step for step, _ in ordered if ordered[10][0] <= step <= ordered[19][0]]


def test_what_is_wrong_about_a_sample(get):
    def message(**parameters):
        return get("/metrics/get-history-bulk-interval", 400, **parameters)["message"]

    assert "Missing value for required parameter 'run_ids'." in message(metric_key="m")
    assert "max_results must be between 1 and 2500." in message(run_ids="x", metric_key="m", max_results=2501)
    assert "at most 100 run_ids. Received 101" in message(run_ids=["x"] * 101, metric_key="m")
    assert "both must be specified" in message(run_ids="x", metric_key="m", start_step=1)
    assert "end_step must be greater than start_step. Found start_step=5 and end_step=1." in message(run_ids="x", metric_key="m", start_step=5, end_step=1)


# Logged models


def test_logged_models_are_searched(post, get):
    experiment = post("/experiments/create", {"name": f"models-{time.time_ns()}"})["experiment_id"]
    run = post("/runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]
    ids = [post("/logged-models", {"experiment_id": experiment, "name": name, "params": [{"key": "depth", "value": depth}], "tags": [{"key": "t", "value": name}]})["model"]["info"]["model_id"]
           for name, depth in [("a", "3"), ("b", "5"), ("c", "5")]]
    for id, auc, dataset in [(ids[0], 0.7, "d1"), (ids[1], 0.9, "d1"), (ids[1], 0.1, "d'2"), (ids[2], 0.8, "d'2")]:
        post("/runs/log-metric", {"run_id": run, "key": "auc", "value": auc, "timestamp": int(auc * 10), "model_id": id, "dataset_name": dataset, "dataset_digest": "x"})

    def search(**body):
        return "".join(model["info"]["name"] for model in post("/logged-models/search", {"experiment_ids": [experiment], **body}).get("models", []))

    assert sorted(search()) == ["a", "b", "c"]
    assert search(filter="name = 'b'") == "b" and sorted(search(filter="params.depth = '5'")) == ["b", "c"]
    assert search(filter="tags.t LIKE 'c%'") == "c" and search(filter="status = 'LOGGED_MODEL_READY'") == ""
    assert sorted(search(filter="metrics.auc > 0.75")) == ["b", "c"]
    assert search(filter="metrics.auc > 0.75", datasets=[{"dataset_name": "d1"}]) == "b"
    assert sorted(search(datasets=[{"dataset_name": "d'2", "dataset_digest": "x"}])) == ["b", "c"]
    assert search(datasets=[{"dataset_name": "d'2", "dataset_digest": "y"}]) == ""
    assert search(order_by=[{"field_name": "metrics.auc", "dataset_name": "d1"}])[:2] == "ab"
    assert search(order_by=[{"field_name": "metrics.auc", "ascending": False, "dataset_name": "d'2"}])[:2] == "cb"
    assert search(order_by=[{"field_name": "name", "ascending": False}]) == "cba"
    first = post("/logged-models/search", {"experiment_ids": [experiment], "max_results": 2, "order_by": [{"field_name": "name"}]})
    assert search(max_results=2, order_by=[{"field_name": "name"}], page_token=first["next_page_token"]) == "c"
    wrong = post("/logged-models/search", {"experiment_ids": [experiment], "page_token": first["next_page_token"]}, 400)
    assert "page token" in wrong["message"]
    for body, message in [({"order_by": [{"field_name": "params.x"}]}, "Only metrics are supported."), ({"order_by": [{"field_name": "x"}]}, "Invalid order by field name: x"),
                          ({"datasets": [{"dataset_digest": "x"}]}, "must be specified"), ({"filter": "nonsense"}, "")]:
        assert message in post("/logged-models/search", {"experiment_ids": [experiment], **body}, 400)["message"]


def test_a_model_that_clients_before_mlflow_3_log(post, get, run):
    model = {"artifact_path": "model", "utc_time_created": "now", "run_id": run, "flavors": {"sklearn": {"a": 1, "config": {"b": 2}}}, "signature": {}}
    for path in ("model", "other"):
        post("/runs/log-model", {"run_id": run, "model_json": json.dumps(model | {"artifact_path": path})})
    tags = {tag["key"]: tag["value"] for tag in get("/runs/get", run_id=run)["run"]["data"]["tags"]}
    logged = json.loads(tags["mlflow.log-model.history"])
    assert [entry["artifact_path"] for entry in logged] == ["model", "other"]
    assert logged[0]["flavors"] == {"sklearn": {"a": 1}} and "signature" not in logged[0]


# What was acknowledged


def history(server, run, key):
    found = server.request("GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key={key}")
    return [point["step"] for point in found.get("metrics", [])]


def test_a_server_killed_while_it_is_logged_to_keeps_what_it_acknowledged(new_server):
    server = new_server()
    runs = [server.request("POST", "/api/2.0/mlflow/runs/create", json={"experiment_id": "0"})["run"]["info"]["run_id"] for _ in range(8)]

    def log(run):
        """How many steps were acknowledged."""
        session, acknowledged = requests.Session(), 0
        try:
            while True:
                response = session.post(f"{server.url}/api/2.0/mlflow/runs/log-batch", timeout=10, json={
                    "run_id": run, "metrics": [{"key": key, "value": acknowledged, "timestamp": acknowledged, "step": acknowledged} for key in "ab"]})
                assert response.status_code == 200, response.text
                acknowledged += 1
        except requests.exceptions.RequestException:
            return acknowledged

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        logs = [pool.submit(log, run) for run in runs]
        while len(history(server, runs[0], "a")) < 200:
            pass
        server.kill9()
        counts = [future.result(60) for future in logs]
    server.start()
    for run, acknowledged in zip(runs, counts):
        histories = [history(server, run, key) for key in "ab"]
        assert acknowledged > 0
        assert histories[0] == histories[1] == list(range(len(histories[0])))
        assert acknowledged <= len(histories[0]) <= acknowledged + 1
