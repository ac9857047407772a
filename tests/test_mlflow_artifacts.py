"""MLflow's artifacts, as its own client logs, lists and loads them."""

import hashlib
import http.client
import json
import os
import pathlib
import socket
import time

import mlflow
import numpy as np
import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def tracked(server, monkeypatch, tmp_path):
    """The server, as the one that MLflow's fluent API talks to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mlflow.set_tracking_uri(server.url)
    mlflow.set_experiment("artifacts")
    yield server
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(None)


def staged(server):
    """What an upload that did not end would leave."""
    root = server.home / "artifacts"
    return [*(root / ".staging").iterdir(), *(root / ".uploads").iterdir()]


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)


def test_files_and_folders_come_back(tracked, tmp_path):
    (tmp_path / "folder/deep").mkdir(parents=True)
    files = {"folder/a.txt": b"a", "folder/deep/ü b+%.bin": os.urandom(300_000), "folder/empty": b"", "folder/deep/.hidden": b"h"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "folder/a.txt"))
        mlflow.log_artifacts(str(tmp_path / "folder"), "all")
    client = MlflowClient()
    top = {(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run.info.run_id)}
    assert top == {("a.txt", False, 1), ("all", True, None)}
    listed = {(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run.info.run_id, "all")}
    assert listed == {("all/a.txt", False, 1), ("all/empty", False, 0), ("all/deep", True, None)}
    assert client.list_artifacts(run.info.run_id, "a.txt") == []
    assert client.list_artifacts(run.info.run_id, "nothing") == []
    loaded = pathlib.Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="all", dst_path=str(tmp_path / "back")))
    for name, content in files.items():
        assert (loaded / pathlib.Path(name).relative_to("folder")).read_bytes() == content
    with pytest.raises(MlflowException, match="Failed to download artifacts"):
        mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="nothing")


def test_dicts_texts_figures_images_and_tables(tracked):
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2, 3])
    with mlflow.start_run() as run:
        mlflow.log_dict({"a": [1, 2]}, "d.json")
        mlflow.log_text("a text, ü", "t/x.txt")
        mlflow.log_figure(figure, "f.png")
        mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "i.png")
        mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), key="dogs", step=3)
        mlflow.log_table({"question": ["a", "b"], "answer": ["c", "d"]}, "table.json")
        mlflow.log_table({"question": ["e"], "answer": ["f"]}, "table.json")
    root = run.info.artifact_uri
    assert mlflow.artifacts.load_dict(f"{root}/d.json") == {"a": [1, 2]}
    assert mlflow.artifacts.load_text(f"{root}/t/x.txt") == "a text, ü"
    assert mlflow.artifacts.load_image(f"{root}/i.png").size == (4, 4)
    assert list(mlflow.load_table("table.json", [run.info.run_id])["answer"]) == ["c", "d", "f"]
    assert len(MlflowClient().list_artifacts(run.info.run_id, "images")) == 2


def test_models_are_logged_and_loaded(tracked):
    x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
    model = LogisticRegression().fit(x, y)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="classifier", input_example=x[:1], registered_model_name="late")
    version = MlflowClient().get_model_version("late", "1")
    assert version.source == f"models:/{info.model_id}" and version.run_id == run.info.run_id
    MlflowClient().set_registered_model_alias("late", "champion", "1")
    for uri in [f"models:/{info.model_id}", "models:/late/1", "models:/late@champion", f"runs:/{run.info.run_id}/classifier"]:
        assert list(mlflow.sklearn.load_model(uri).predict(x)) == [0, 0, 1, 1], uri
        assert list(mlflow.pyfunc.load_model(uri).predict(x)) == [0, 0, 1, 1], uri
    described = tracked.get("/api/v1/models/late/versions/1")
    assert "sklearn" in described["flavors"] and described["signature"]["inputs"]
    assert described["input_example"]
    holds_pickle = any(name.endswith((".pkl", ".pickle")) for name in described["pickles"])
    assert holds_pickle == bool(described["tags"].get("millrace.pickles"))


def test_a_pyfunc_model_says_that_it_holds_a_pickle(tracked):
    class Doubler(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input * 2

    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(name="doubler", python_model=Doubler(), registered_model_name="doubler")
    assert mlflow.pyfunc.load_model(info.model_uri).predict(np.array([2])).tolist() == [4]
    described = tracked.get("/api/v1/models/doubler/versions/1")
    assert described["pickles"] == ["python_model.pkl"] and described["tags"]["millrace.pickles"] == "python_model.pkl"


def test_downloads_have_safe_headers(tracked):
    for name, kind in [("a.txt", "text/plain"), ("MLmodel", "text/plain"), ("a.html", "text/html"), ("a.png", "image/png"), ("a.bin", "application/octet-stream")]:
        assert requests.put(f"{tracked.url}{ARTIFACTS}/1/x/{name}", data=b"<script>").status_code == 200
        answer = requests.get(f"{tracked.url}{ARTIFACTS}/1/x/{name}")
        assert answer.headers["Content-Type"].split(";")[0] == kind
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    url = f"{tracked.url}{ARTIFACTS}/1/x/%C3%BC.txt"
    requests.put(url, data=b"0123456789")
    whole = requests.get(url)
    assert "filename*=UTF-8''%C3%BC.txt" in whole.headers["Content-Disposition"]
    assert whole.headers["ETag"] == f'"{hashlib.sha256(b"0123456789").hexdigest()}"'
    assert requests.get(url, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    part = requests.get(url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    assert requests.get(url, headers={"Range": "bytes=10-"}).status_code == 416
    assert requests.head(url).headers["Content-Length"] == "10"


ATTACKS = ["../x", "a/../../x", "..%2fx", "%2e%2e/x", "%252e%252e%252fx", "..%5cx", "a%5c..%5cx", "%2fetc%2fpasswd", "C:%2fx", "file:%2f%2f%2fetc%2fpasswd",
           "a%23b", "a%0ab", "a%7fb", "..;/x", "%2e%2e;x/y", "a%00b", "/etc/passwd", "%C0%AE%C0%AE/x"]


@pytest.mark.parametrize("path", ATTACKS)
def test_paths_that_lead_elsewhere_are_refused(shared_server, path):
    """Sent as they are, since clients tidy paths."""
    before = {p for p in shared_server.home.rglob("*") if "artifacts" in p.parts}
    for method, body in [("GET", None), ("PUT", b"evil"), ("DELETE", None)]:
        connection = http.client.HTTPConnection("127.0.0.1", shared_server.port, timeout=10)
        connection.putrequest(method, f"{ARTIFACTS}/{path}")
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        assert connection.getresponse().status in (400, 404), (method, path)
        connection.close()
    listed = requests.get(f"{shared_server.url}{ARTIFACTS}?path={path}")
    assert listed.status_code == 400 or (path == "a%00b" and not listed.ok), path
    assert {p for p in shared_server.home.rglob("*") if "artifacts" in p.parts} == before


def test_links_that_lead_out_are_not_followed(server, tmp_path):
    (tmp_path / "secret").write_text("secret")
    requests.put(f"{server.url}{ARTIFACTS}/1/x/a", data=b"a")
    (server.home / "artifacts/mlflow/1/x/out").symlink_to(tmp_path)
    assert requests.get(f"{server.url}{ARTIFACTS}/1/x/out/secret").status_code == 403
    assert requests.put(f"{server.url}{ARTIFACTS}/1/x/out/new", data=b"x").status_code == 403
    assert [f["path"] for f in requests.get(f"{server.url}{ARTIFACTS}?path=1/x").json()["files"]] == ["a"]
    assert not (tmp_path / "new").exists()


def test_deletion(server):
    url = f"{server.url}{ARTIFACTS}/1/run/artifacts"
    requests.put(f"{url}/a/b", data=b"x")
    assert requests.delete(f"{url}/a").json() == {}
    assert requests.get(f"{url}/a/b").status_code == 404
    assert requests.delete(f"{url}/a").status_code == 200
    assert server.get(f"{ARTIFACTS}?path=1/run/artifacts/a") == {}


def test_a_file_and_a_folder_do_not_replace_each_other(server):
    url = f"{server.url}{ARTIFACTS}/1/x"
    requests.put(f"{url}/a", data=b"x")
    assert requests.put(f"{url}/a/b", data=b"x").status_code == 400
    assert requests.put(url, data=b"x").status_code == 400
    assert requests.get(url).status_code == 400


def test_the_same_bytes_are_kept_once(server):
    content = os.urandom(1 << 20)
    for i in range(5):
        assert requests.put(f"{server.url}{ARTIFACTS}/1/{i}/model.bin", data=content).status_code == 200
    until(lambda: not staged(server))
    used = sum(f.stat().st_size / f.stat().st_nlink for f in (server.home / "artifacts").rglob("*") if f.is_file())
    assert used < 2 << 20
    requests.delete(f"{server.url}{ARTIFACTS}/1/0")
    assert requests.get(f"{server.url}{ARTIFACTS}/1/4/model.bin").content == content


def test_uploads_that_end_early_leave_nothing(server):
    for close in (lambda s: s.shutdown(socket.SHUT_WR), lambda s: s.close()):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(f"PUT {ARTIFACTS}/1/x/half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n".encode() + bytes(3_000_000))
        until(lambda: staged(server))
        close(client)
        until(lambda: not staged(server))
    assert requests.get(f"{server.url}{ARTIFACTS}/1/x/half").status_code == 404


def test_what_a_killed_server_was_writing_is_swept(server):
    requests.put(f"{server.url}{ARTIFACTS}/1/x/kept", data=b"old" * 5000)
    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall(f"PUT {ARTIFACTS}/1/x/kept HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n".encode() + bytes(3_000_000))
    until(lambda: staged(server))
    server.kill9()
    server.start()
    assert not staged(server)
    assert requests.get(f"{server.url}{ARTIFACTS}/1/x/kept").content == b"old" * 5000


def test_memory_is_flat_while_much_is_sent(server):
    def peak():
        status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) << 10

    piece = os.urandom(1 << 20)
    requests.put(f"{server.url}{ARTIFACTS}/1/x/warm", data=piece)
    before = peak()
    sent = hashlib.sha256()

    def pieces():
        for _ in range(300):
            sent.update(piece)
            yield piece

    assert requests.put(f"{server.url}{ARTIFACTS}/1/x/big", data=pieces()).status_code == 200
    got = hashlib.sha256()
    with requests.get(f"{server.url}{ARTIFACTS}/1/x/big", stream=True) as answer:
        for chunk in answer.iter_content(1 << 20):
            got.update(chunk)
    assert got.hexdigest() == sent.hexdigest() == answer.headers["ETag"].strip('"')
    assert peak() - before < 32 << 20


def test_the_uis_routes(tracked):
    with mlflow.start_run() as run:
        mlflow.log_text("hello", "a/b.txt")
    run_id = run.info.run_id
    for url in [f"/get-artifact?run_id={run_id}&path=a/b.txt", f"/get-artifact?run_uuid={run_id}&path=a%2Fb.txt"]:
        assert requests.get(tracked.url + url).text == "hello"
    listed = tracked.get(f"/ajax-api/2.0/mlflow/artifacts/list?run_id={run_id}&path=a")
    assert listed == {"root_uri": run.info.artifact_uri, "files": [{"path": "a/b.txt", "is_dir": False, "file_size": 5}]}
    assert requests.get(f"{tracked.url}/get-artifact?run_id={run_id}&path=../../x").status_code == 400
    assert requests.post(f"{tracked.url}/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=up.txt", data=b"up").json() == {}
    assert requests.get(f"{tracked.url}/get-artifact?run_id={run_id}&path=up.txt").text == "up"
    answer = requests.get(f"{tracked.url}/get-artifact?run_id={'0' * 32}&path=x")
    assert answer.status_code == 404 and answer.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_large_files_go_up_in_parts_and_come_down_in_parts(tracked, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1000000")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 << 20))
    monkeypatch.setenv("MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE", str(5 << 20))
    content = os.urandom((23 << 20) + 7)
    (tmp_path / "big ü.bin").write_bytes(content)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "big ü.bin"), "deep")
    assert not staged(tracked)
    url = f"{tracked.url}{ARTIFACTS}/{run.info.artifact_uri.removeprefix('mlflow-artifacts:/')}/deep/big%20%C3%BC.bin"
    assert requests.head(url).headers["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    back = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="deep/big ü.bin", dst_path=str(tmp_path / "back"))
    assert pathlib.Path(back).read_bytes() == content


def test_an_upload_in_parts_goes_on_after_a_restart(server):
    root = f"{server.url}/api/2.0/mlflow-artifacts/mpu"
    assert server.get("/api/3.0/mlflow/server-info")["multipart_uploads_enabled"] is True
    made = requests.post(f"{root}/create/1/x", json={"path": "/home/me/f.bin", "num_parts": 3}).json()
    urls = [c["url"] for c in made["credentials"]]
    parts = [bytes([i]) * 100_000 for i in range(2)] + [b"end"]
    tags = [requests.put(url, data=part).headers["ETag"] for url, part in zip(urls, parts)]
    done = {"path": "/home/me/f.bin", "upload_id": made["upload_id"], "parts": [{"part_number": i + 1, "etag": tag} for i, tag in enumerate(tags)]}
    server.kill9()
    server.start()
    wrong = {**done, "parts": done["parts"][:2]}
    assert requests.post(f"{root}/complete/1/x", json=wrong).status_code == 400
    assert requests.post(f"{root}/complete/1/x", json=done).json() == {}
    assert requests.get(f"{server.url}{ARTIFACTS}/1/x/f.bin").content == b"".join(parts)
    assert requests.post(f"{root}/complete/1/x", json=done).status_code == 404
    assert not staged(server)


def test_only_who_was_given_an_address_may_use_it(server):
    root = f"{server.url}/api/2.0/mlflow-artifacts"
    made = requests.post(f"{root}/mpu/create/1/x", json={"path": "f", "num_parts": 2}).json()
    first, second = (c["url"] for c in made["credentials"])
    assert requests.put(first.split("?")[0], data=b"x").status_code == 403
    assert requests.put(second.split("?")[0] + "?" + first.split("?")[1], data=b"x").status_code == 403
    assert requests.put(first + "0", data=b"x").status_code == 403
    assert requests.put(first, data=b"xx").status_code == 200
    assert requests.post(f"{root}/mpu/abort/1/x", json={"path": "f", "upload_id": made["upload_id"]}).json() == {}
    assert requests.put(first, data=b"xx").status_code == 404
    assert not staged(server)
    for path in ("..%2f..", "%252e%252e/%252e%252e"):
        assert requests.post(f"{root}/mpu/create/{path}", json={"path": "f", "num_parts": 2}).status_code == 400
    assert requests.post(f"{root}/mpu/create/1/x", json={"path": "..", "num_parts": 2}).status_code == 400
    requests.put(f"{root}/artifacts/1/x/g", data=b"content")
    given = server.get("/api/2.0/mlflow-artifacts/presigned/1/x/g")
    assert given["file_size"] == 7 and requests.get(given["url"]).content == b"content"
    assert requests.get(given["url"].replace("/g?", "/h?")).status_code == 403
    assert requests.get(f"{root}/presigned/1/x/none").status_code == 404


def test_a_file_of_a_run_or_a_model_is_written_and_read_by_a_signed_address(tracked):
    with mlflow.start_run() as run:
        model = mlflow.create_external_model("m")

    def address(kind, **fields):
        answer = requests.post(f"{tracked.url}/api/2.0/mlflow/artifacts/presigned-{kind}-url", json=fields)
        return answer.status_code, answer.json()
    of_run = {"run_id": run.info.run_id}
    for owner in (of_run, {"model_id": model.model_id}):
        status, given = address("upload", path="deep/a ü.txt", **owner)
        assert status == 200 and requests.put(given["presigned_url"], data=b"content").status_code == 200
        assert requests.put(given["presigned_url"].replace("deep", "other"), data=b"x").status_code == 403
        assert requests.get(given["presigned_url"]).status_code == 403, "it is for writing only"
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/deep/a ü.txt") == "content"
    assert mlflow.artifacts.load_text(f"{model.artifact_location}/deep/a ü.txt") == "content"
    status, given = address("download", path="deep/a ü.txt", expiration=1, **of_run)
    assert (status, given["file_size"]) == (200, 7) and requests.get(given["presigned_url"]).content == b"content"
    for fields, expected in [({"path": "x"}, 400), ({"path": "x", **of_run, "model_id": "m-1"}, 400), ({"path": "../x", **of_run}, 400), ({**of_run}, 400),
                             ({"path": "x", "run_id": "0" * 32}, 404), ({"path": "x", "expiration": 0, **of_run}, 400), ({"path": "x", "expiration": 604_801, **of_run}, 400)]:
        assert address("upload", **fields)[0] == expected, fields
    assert address("download", path="none", **of_run)[0] == 404
