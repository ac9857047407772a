"""Millrace with the models that bench/serving/beside_peers.py asks for."""

import contextlib
import datetime
import io
import os
import sys

import numpy as np
import pyarrow as pa

from servers import ROOT, Work
import wire

sys.path.insert(0, str(ROOT / "tests"))
from running import Millrace, Server, as_parquet  # noqa: E402

CUSTOMERS = 5_000
FEATURES = 50

ENDPOINT = """---
kind: Endpoint
name: {name}
model: {model}
"""

ONLINE = """---
kind: Dataset
name: customers
event_time: known_at
columns:
  - {{name: customer, type: bigint}}
  - {{name: known_at, type: timestamp}}
{columns}
---
kind: FeatureView
name: customer_now
entities: [customer]
source: customers
features:
{features}
---
kind: FeatureService
name: of_customers
features: [customer_now]
---
kind: Endpoint
name: F_online
model: F
features: of_customers
"""


def project(models):
    return "kind: Project\nname: bench\n" + "".join(ENDPOINT.format(name=name, model=name) for name in models)


def online():
    columns = "\n".join(f"  - {{name: v{i}, type: double}}" for i in range(FEATURES))
    features = "\n".join(f"  - {{name: f{i}, sql: v{i}}}" for i in range(FEATURES))
    return ONLINE.format(columns=columns, features=features)


def register(server, boosters):
    """As a user does: by MLflow's client."""
    import mlflow
    mlflow.set_tracking_uri(server.url)
    for name, booster in boosters.items():
        chatter = io.StringIO()
        with contextlib.redirect_stdout(chatter), contextlib.redirect_stderr(chatter), mlflow.start_run():
            mlflow.xgboost.log_model(booster, name="model", registered_model_name=name, pip_requirements=[])
        mlflow.MlflowClient().set_registered_model_alias(name, "champion", "1")


def push_customers(server, values):
    moment = datetime.datetime(2026, 1, 1)
    columns = {f"v{i}": values[:, i].astype(np.float64) for i in range(FEATURES)}
    table = pa.table({"customer": np.arange(len(values)), "known_at": pa.array([moment] * len(values), pa.timestamp("us")), **columns})
    server.post("/api/v1/datasets/customers/batches?format=parquet&batch_id=all", data=as_parquet(table))


class OwnServer:
    """Has S alone until load_all()."""

    def __init__(self, program, folder, boosters):
        self.server, self.folder, self.boosters = Server(Millrace(program), folder / "home"), folder / "project", boosters

    @contextlib.contextmanager
    def running(self):
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        with self.server:
            self.folder.mkdir()
            self._apply(project("S"), {"S": self.boosters["S"]})
            yield self

    def _apply(self, text, boosters):
        register(self.server, boosters)
        (self.folder / "serving.yaml").write_text(text)
        self.server.apply(self.folder)

    def load_all(self, customers):
        """`customers`: a row of 50 features for each."""
        self._apply(project("SLF") + online(), {name: self.boosters[name] for name in "LF"})
        push_customers(self.server, customers)

    @property
    def pid(self):
        return self.server.pid

    def work(self, name, model, format, rows=None, endpoint=None):
        return Work(name, self.server.port, f"/v2/models/{endpoint or model}/infer", format, rows or model)

    def works(self):
        grpc = {name: Work(f"{name} gRPC", self.server.grpc_port, wire.GRPC_METHOD, wire.open_grpc(name, "rows"), name) for name in ("S", "L")}
        binary = {name: wire.open_binary("rows", "prediction", count) for name, count in (("S", 30), ("L", 200))}
        return [
            self.work("S JSON", "S", wire.open_json("rows")),
            self.work("S binary", "S", binary["S"]),
            grpc["S"],
            Work("S invocations", self.server.port, "/endpoints/S/invocations", wire.mlflow_json(), "S"),
            self.work("L JSON", "L", wire.open_json("rows")),
            self.work("L binary", "L", binary["L"]),
            grpc["L"],
            self.work("F JSON, 50 features sent", "F", wire.open_json("rows")),
            self.work("F JSON, 50 features looked up", "F", wire.open_key("customer"), "customers", "F_online"),
        ]

    def floor(self):
        return Work("empty handler", self.server.port, "/health", None, compared=False)

    def grpc_floor(self):
        return Work("empty method", self.server.grpc_port, wire.GRPC_SERVICE + "ServerLive", wire.Format(lambda row: b"", None, grpc=True), compared=False)
