"""The routes of the server and those of its OpenAPI document are the same."""

import pathlib
import re

import pytest
import requests

SOURCES = pathlib.Path(__file__).resolve().parent.parent / "src/api/http"
METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture(scope="module")
def document(shared_server):
    return shared_server.get("/api/v1/openapi.json")


def test_every_route_is_documented_and_every_documented_one_is_a_route(document):
    added = re.compile(r'\badd(?:_deferred)?\(\s*"([A-Z]+)",\s*"([^"]+)"')
    routes = {(method, path.replace("...}", "}")) for file in SOURCES.glob("*.cc") for method, path in added.findall(file.read_text())}
    documented = {(method.upper(), path) for path, item in document["paths"].items() for method in item if method in METHODS}
    assert documented == routes


def test_the_server_answers_the_documented_methods_and_no_others(shared_server, document):
    for path, item in document["paths"].items():
        allowed = requests.options(shared_server.url + re.sub(r"\{\w+\}", "1", path), timeout=10).headers["Allow"]
        methods = {method.upper() for method in item if method in METHODS}
        assert set(allowed.split(", ")) == methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())


def test_errors_have_one_shape(shared_server):
    for method, path, status, code in [
        ("GET", "/api/v1/datasets/none", 404, "NOT_FOUND"),
        ("GET", "/api/v1/nothing", 404, "NOT_FOUND"),
        ("DELETE", "/health", 405, "UNIMPLEMENTED"),
        ("GET", "/api/v1/runs?limit=0", 400, "INVALID_ARGUMENT"),
        ("GET", "/api/v1/runs?lmit=1", 400, "INVALID_ARGUMENT"),
        ("PUT", "/api/v1/clock", 400, "INVALID_ARGUMENT"),
    ]:
        answer = shared_server.request(method, path, expect=status)
        assert answer["error"].keys() == {"code", "message"}
        assert answer["error"]["code"] == code
    assert shared_server.request("GET", "/v2/models/none", expect=404).keys() == {"error"}


def test_an_unknown_key_of_a_body_is_refused_with_the_nearest_name(shared_server):
    answer = shared_server.request("POST", "/api/v1/runs", json={"expriment": "x"}, expect=400)
    assert answer["error"]["message"] == 'there is no key "expriment" here; did you mean "experiment"?'


def test_pages_go_on_where_the_last_ended(shared_server):
    made = [shared_server.post("/api/v1/runs", json={"key": f"page-{number}"})["id"] for number in range(5)]
    first = shared_server.get("/api/v1/runs?limit=3")
    second = shared_server.get(f"/api/v1/runs?limit=3&after={first['next']}")
    assert second["next"] is None
    assert sorted(run["id"] for run in first["items"] + second["items"]) == sorted(made)
