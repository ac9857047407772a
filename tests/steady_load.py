"""Asks the endpoint `shop` one row after the other, over HTTP and gRPC, until its input ends; then prints what became of it as JSON, after a line
that says when the first answers are there:
steady_load.py HTTP-URL GRPC-ADDRESS PREFIX, where the prefix begins the ids of its requests."""

import collections
import json
import sys
import threading
import time

import numpy as np
import requests
import tritonclient.grpc

URL, GRPC, PREFIX = sys.argv[1:]
HTTP_THREADS, GRPC_THREADS = 4, 2
PAUSE = 0.002
PATIENCE = 20


class Record:
    def __init__(self):
        self.lock = threading.Lock()
        self.answers = collections.Counter()  # by version and value
        self.failures, self.ids, self.slowest = [], [], 0.0

    def answered(self, name, version, value, seconds):
        with self.lock:
            self.answers[f"{version} {value!r}"] += 1
            self.ids.append(name)
            self.slowest = max(self.slowest, seconds)

    def failed(self, error):
        with self.lock:
            self.failures.append(f"{time.strftime('%H:%M:%S')} {error}")


class OverHttp:
    def __init__(self):
        self.session = requests.Session()

    def ask(self, name):
        inputs = [{"name": column, "shape": [1], "datatype": "FP64", "data": [0.5]} for column in ("a", "b")]
        answer = self.session.post(f"{URL}/v2/models/shop/infer", json={"id": name, "inputs": inputs}, timeout=PATIENCE)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text[:300]}"
        told = answer.json()
        return told["model_version"], told["outputs"][0]["data"][0]


class OverGrpc:
    """nginx does not ask the next of what it has begun to send by gRPC: clients do, if they are told to."""

    AGAIN = {"maxAttempts": 5, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}

    def __init__(self):
        policy = json.dumps({"methodConfig": [{"name": [{"service": "inference.GRPCInferenceService"}], "retryPolicy": self.AGAIN}]})
        self.client = tritonclient.grpc.InferenceServerClient(GRPC, channel_args=[("grpc.service_config", policy)])

    def ask(self, name):
        inputs = [tritonclient.grpc.InferInput(column, [1], "FP64") for column in ("a", "b")]
        for tensor in inputs:
            tensor.set_data_from_numpy(np.array([0.5]))
        answer = self.client.infer("shop", inputs, request_id=name, client_timeout=PATIENCE)
        return answer.get_response().model_version, float(answer.as_numpy("prediction")[0])


def ask_until(ended, way, prefix, record):
    asked = 0
    while not ended.is_set():
        asked += 1
        begun = time.monotonic()
        try:
            version, value = way.ask(f"{prefix}-{asked}")
            record.answered(f"{prefix}-{asked}", version, value, time.monotonic() - begun)
        except Exception as error:  # whatever it is, it is what a caller would see
            record.failed(f"{type(way).__name__} {error}")
        ended.wait(PAUSE)


def main():
    ended, record = threading.Event(), Record()
    ways = [OverHttp() for _ in range(HTTP_THREADS)] + [OverGrpc() for _ in range(GRPC_THREADS)]
    threads = [threading.Thread(target=ask_until, args=(ended, way, f"{PREFIX}-{number}", record)) for number, way in enumerate(ways)]
    for thread in threads:
        thread.start()
    while len(record.ids) < 50 and not record.failures:
        time.sleep(0.01)
    print("answered", flush=True)
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"answers": record.answers, "failures": record.failures, "ids": record.ids, "slowest": record.slowest}))


main()
