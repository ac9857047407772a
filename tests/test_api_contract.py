"""The server is held to its own OpenAPI document by schemathesis, which makes requests of it, good and bad."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import requests

CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance", "negative_data_rejection", "unsupported_method"]
# Without a model these answer 503, as the Open Inference Protocol wants; a moved clock would change what the rest means:
# they are asked of a server that serves.
SERVING = "^/v2/.*(ready|infer|config)$|^/v1/models/|invocations$|^/ping$|/clock$"
# These take models away from the others, or answer 501 as they should: their own tests ask them.
APART = "^/v2/repository/models|^/v2/logging$|/trace/setting$"
# The first user closes the server, so these are asked of one that is closed.
ACCESS = "^/api/v1/(users|tokens|roles|groups|audit|whoami)"
# What is there, by the tag of the operations: so that they answer more than 404.
NAMES = {"access": "ann", "datasets": "flights", "endpoints": "delays", "inference": "delays", "models": "delays", "monitors": "delays_weekly", "pipelines": "retrain", "triggers": "monthly"}


def config(version=1):
    checks = "[checks]\nenabled = false\n" + "".join(f"{check}.enabled = true\n" for check in CHECKS)
    # A batch whose id is known is answered without a look at its body.
    batches = '[[operations]]\ninclude-operation-id = "add_batch"\nchecks.negative_data_rejection.enabled = false\n'
    # Who deletes the token that the requests show is a stranger from then on.
    kept = '[[operations]]\ninclude-operation-id = "delete_token"\nenabled = false\n'
    names = [f'[[operations]]\ninclude-tag = "{tag}"\nparameters = {{ "path.name" = "{name}" }}\n' for tag, name in NAMES.items()]
    versions = f'[[operations]]\ninclude-tag = "inference"\nparameters = {{ "path.name" = "delays", "path.version" = "{version}" }}\n'
    return checks + batches + kept + versions + "".join(names)


def hold(server, folder, *options, version=1):
    """Makes requests of the server, and finds each answer in its document."""
    (folder / "schemathesis.toml").write_text(config(version))
    schemathesis = pathlib.Path(sys.executable).parent / "schemathesis"
    run = subprocess.run(
        [schemathesis, "run", f"{server.url}/api/v1/openapi.json", "--phases", "examples,coverage,fuzzing",
         "--max-examples", os.environ.get("MILLRACE_API_EXAMPLES", "15"), "--seed", "1", "--request-timeout", "30", "--no-color", *options],
        capture_output=True, text=True, cwd=folder, timeout=300)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert server.get("/health")["status"] == "ok"


def test_every_answer_is_one_that_the_document_allows(server, flights_project, flights_table, tmp_path):
    server.apply(flights_project)
    for day in (1, 2, 3):
        server.post(f"/api/v1/datasets/flights/batches?batch_id=day-{day}", data=flights_table(100 * day))
        server.post("/api/v1/models/delays/versions", json={"source": "file:/nowhere", "key": str(day)})
    hold(server, tmp_path, "--exclude-path-regex", f"{SERVING}|{ACCESS}|{APART}")


def test_an_endpoint_that_serves_answers_as_the_document_says(main_job, new_server, tmp_path):
    main_job.server.settle()
    shutil.copytree(main_job.server.home, tmp_path / "home")
    server = new_server(tmp_path / "home")
    hold(server, tmp_path, "--include-path-regex", SERVING, version=server.get("/api/v1/endpoints/delays")["version"])


def test_users_tokens_and_roles_answer_as_the_document_says(millrace, new_server, tmp_path):
    made = millrace("user", "create", "root", "--admin", "--home", tmp_path / "home", "--json")
    server = new_server(tmp_path / "home")
    basic = requests.auth.HTTPBasicAuth("root", json.loads(made.stdout)["password"])
    server.token = server.post("/api/v1/tokens", auth=basic, json={"name": "contract"})["secret"]
    server.post("/api/v1/users", json={"name": "ann"})
    hold(server, tmp_path, "--include-path-regex", ACCESS, "--header", f"Authorization: Bearer {server.token}")
