"""The server is held to its own OpenAPI document by schemathesis, which makes requests of it, good and bad."""

import os
import pathlib
import subprocess
import sys

CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance", "negative_data_rejection", "unsupported_method"]
# Without a model these answer 503, as the Open Inference Protocol wants; a moved clock would change what the rest means.
LEFT_OUT = "^/v2/.*(ready|infer)$|/clock$"
# What is there, by the tag of the operations: so that they answer more than 404.
NAMES = {"datasets": "flights", "endpoints": "delays", "inference": "delays", "models": "delays", "monitors": "delays_weekly", "pipelines": "retrain", "triggers": "monthly"}


def config():
    checks = "[checks]\nenabled = false\n" + "".join(f"{check}.enabled = true\n" for check in CHECKS)
    # A batch whose id is known is answered without a look at its body.
    batches = '[[operations]]\ninclude-operation-id = "add_batch"\nchecks.negative_data_rejection.enabled = false\n'
    names = [f'[[operations]]\ninclude-tag = "{tag}"\nparameters = {{ "path.name" = "{name}" }}\n' for tag, name in NAMES.items()]
    return checks + batches + "".join(names)


def test_every_answer_is_one_that_the_document_allows(server, flights_project, flights_table, tmp_path):
    server.apply(flights_project)
    for day in (1, 2, 3):
        server.post(f"/api/v1/datasets/flights/batches?batch_id=day-{day}", data=flights_table(100 * day))
        server.post("/api/v1/models/delays/versions", json={"source": "file:/nowhere", "key": str(day)})
    (tmp_path / "schemathesis.toml").write_text(config())
    schemathesis = pathlib.Path(sys.executable).parent / "schemathesis"
    run = subprocess.run(
        [schemathesis, "run", f"{server.url}/api/v1/openapi.json", "--phases", "examples,coverage,fuzzing",
         "--max-examples", os.environ.get("MILLRACE_API_EXAMPLES", "15"), "--seed", "1", "--request-timeout", "30", "--no-color",
         "--exclude-path-regex", LEFT_OUT],
        capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert server.get("/health")["status"] == "ok"
