#!/usr/bin/env python3
"""Uploads and downloads one large file through MLflow's artifact routes of a fresh server, beside the disk itself.

    bench/tracking/artifacts.py [GIB] [FOLDER]

GIB (10): the size. FOLDER (a new one below the working folder): where the file and the server's home stand; it needs
three times the size. Says seconds and MB/s of dd with a sync (the floor), of one PUT, of one GET, of the same file
again (kept once) and of MLflow's own client in parts, and how much memory the server had at its most.
"""

import hashlib
import http.client
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from running import Millrace, Server  # noqa: E402

PATH = "/api/2.0/mlflow-artifacts/artifacts/1/bench/artifacts"
PIECE = 1 << 20


def measure(what, size, work):
    begun = time.monotonic()
    work()
    seconds = time.monotonic() - begun
    print(f"{what:<34}{seconds:8.1f} s {size / seconds / 1e6:8.0f} MB/s", flush=True)


def make_file(path, size):
    block = os.urandom(64 * PIECE)
    with open(path, "wb") as out:
        for i in range(size // len(block)):
            out.write(i.to_bytes(8, "big") + block[8:])


def put(port, name, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, blocksize=PIECE)
    with open(path, "rb") as body:
        connection.request("PUT", f"{PATH}/{name}", body, {"Content-Length": str(path.stat().st_size)})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    return answer.headers["ETag"].strip('"')


def get(port, name):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", f"{PATH}/{name}")
    answer, buffer, total = connection.getresponse(), memoryview(bytearray(PIECE)), 0
    while got := answer.readinto(buffer):
        total += got
    return total


def peak_megabytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def through_the_client(server, path):
    script = ("import mlflow, sys; mlflow.set_experiment('bench'); r = mlflow.start_run(); mlflow.log_artifact(sys.argv[1])")
    subprocess.run([sys.executable, "-c", script, path], check=True, env={**os.environ, "MLFLOW_TRACKING_URI": server.url}, capture_output=True)


def main():
    size = int(float(sys.argv[1] if len(sys.argv) > 1 else 10) * (1 << 30)) // (64 * PIECE) * (64 * PIECE)
    folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(dir="."))
    folder.mkdir(exist_ok=True)
    file, copy = folder / "file", folder / "copy"
    try:
        make_file(file, size)
        measure("dd with a sync (the floor)", size, lambda: subprocess.run(["dd", f"if={file}", f"of={copy}", "bs=1M", "conv=fsync"], check=True, capture_output=True))
        copy.unlink()
        with Server(Millrace(ROOT / "build/release/bin/millrace"), folder / "home") as server:
            tags = []
            measure("PUT", size, lambda: tags.append(put(server.port, "file", file)))
            measure("GET", size, lambda: get(server.port, "file"))
            measure("PUT of the same bytes", size, lambda: tags.append(put(server.port, "again", file)))
            measure("mlflow.log_artifact, in parts", size, lambda: through_the_client(server, file))
            print(f"server's memory at its most: {peak_megabytes(server.pid):.0f} MB")
            with open(file, "rb") as content:
                assert tags == [hashlib.file_digest(content, "sha256").hexdigest()] * 2
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
