"""The server is held to its own OpenAPI document by schemathesis, which makes requests of it, good and bad."""

import os
import pathlib
import subprocess
import sys

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Without a model these answer 503, as the Open Inference Protocol wants; a moved clock would change what the rest means.
LEFT_OUT = "^/v2/.*(ready|infer)$|/clock$"


def test_every_answer_is_one_that_the_document_allows(server, flights_project, tmp_path):
    server.apply(flights_project)
    schemathesis = pathlib.Path(sys.executable).parent / "schemathesis"
    run = subprocess.run(
        [schemathesis, "run", f"{server.url}/api/v1/openapi.json", "--checks", CHECKS, "--phases", "examples,fuzzing",
         "--max-examples", os.environ.get("MILLRACE_API_EXAMPLES", "15"), "--seed", "1", "--request-timeout", "30", "--no-color",
         "--exclude-path-regex", LEFT_OUT],
        capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert server.get("/health")["status"] == "ok"
