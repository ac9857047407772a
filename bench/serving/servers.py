"""The servers that bench/serving/beside_peers.py measures: how each is started, and what it is asked."""

import contextlib
import dataclasses
import importlib.metadata
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import psutil

import wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
APPS = pathlib.Path(__file__).resolve().parent / "peers"
ENVIRONMENTS = ROOT / "build/peers"
READY_SECONDS = 60
FEATURES = {"S": 30, "L": 200}
QUIET = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "DO_NOT_TRACK": "true", "BENTOML_DO_NOT_TRACK": "True", "RAY_USAGE_STATS_ENABLED": "0",
         "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet", "PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclasses.dataclass
class Work:
    """What a server is asked, again and again."""

    name: str
    port: int
    target: str
    format: wire.Format
    rows: str = "S"  # whose rows
    compared: bool = True  # with what XGBoost says of them


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def tree(pid):
    """A process and all below it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def processor_seconds(pid):
    total = 0.0
    for process in tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def resident_mb(pid):
    total = 0
    for process in tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return round(total / 1e6, 1)


def stop(process):
    """Asks, then insists; also with what it has started."""
    below = tree(process.pid)
    process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(below, timeout=10)
    for one in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(alive, timeout=10)
    process.wait(10)


class Peer:
    """A server with one model. `prepare` makes what `command` needs in a folder and answers the command, its environment
    and its works."""

    def __init__(self, name, environment, settings, prepare, models=("S", "L")):
        self.name, self.environment, self.settings, self.prepare, self.models = name, environment, settings, prepare, models

    @property
    def programs(self):
        return ENVIRONMENTS / self.environment / "bin"

    @property
    def there(self):
        return (ENVIRONMENTS / self.environment / "stamp").is_file()

    def versions(self):
        paths = [str(next((ENVIRONMENTS / self.environment / "lib").glob("python3*/site-packages")))]
        wanted = {"bentoml", "fastapi", "uvicorn", "orjson", "mlserver", "mlserver-xgboost", "mlflow", "ray", "nvidia-pytriton", "xgboost", "xgboost-cpu"}
        return {found.name: found.version for found in importlib.metadata.distributions(path=paths) if found.name in wanted}

    @contextlib.contextmanager
    def running(self, folder, model_file, model):
        """(pid, works)"""
        folder = folder / f"{self.name} {model}".replace(" ", "_")
        folder.mkdir(parents=True)
        command, environment, works = self.prepare(self, folder, model_file, model)
        environment = {**os.environ, **QUIET, "MODEL": str(model_file), "PATH": f"{self.programs}:{os.environ['PATH']}", **environment}
        environment.pop("PYTHONPATH", None)
        with open(folder / "log", "w") as log:
            process = subprocess.Popen(list(map(str, command)), cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(process, works, folder / "log")
            yield process.pid, works
        finally:
            stop(process)


def wait_for(process, works, log):
    deadline = time.monotonic() + READY_SECONDS
    for port in {work.port for work in works}:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{process.args[0]} does not start:\n" + "".join(open(log).readlines()[-15:]))
            time.sleep(0.05)


def fastapi(workers, models=("S", "L")):
    def prepare(peer, folder, model_file, model):
        port, = free_ports(1)
        command = [peer.programs / "uvicorn", "fastapi_app:app", "--app-dir", APPS, "--host", "127.0.0.1", "--port", port, "--workers", workers,
                   "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
        return command, {}, [Work(f"{model} JSON", port, "/predict", wire.rows_json(), model)]

    return Peer(f"FastAPI, {workers} worker{'s' if workers > 1 else ''}", "fastapi", f"uvicorn {workers} workers, uvloop, httptools, orjson, inplace_predict", prepare, models)


def mlserver():
    def prepare(peer, folder, model_file, model):
        http, grpc, metrics = free_ports(3)
        settings = {"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics, "parallel_workers": 0, "debug": False}
        (folder / "settings.json").write_text(json.dumps(settings))
        (folder / "model-settings.json").write_text(json.dumps({"name": "scores", "implementation": "mlserver_xgboost.XGBoostModel", "parameters": {"uri": str(model_file)}}))
        return [peer.programs / "mlserver", "start", folder], {}, [
            Work(f"{model} JSON", http, "/v2/models/scores/infer", wire.open_json("rows"), model),
            Work(f"{model} gRPC", grpc, wire.GRPC_METHOD, wire.open_grpc("scores", "rows"), model)]

    return Peer("MLServer", "mlserver", "no parallel workers: one of two costs three times the processor time", prepare)


def bentoml(workers):
    def prepare(peer, folder, model_file, model):
        port, = free_ports(1)
        shutil.copy(APPS / "bentoml_service.py", folder)
        command = [peer.programs / "bentoml", "serve", "bentoml_service:Scores", "--host", "127.0.0.1", "--port", port]
        return command, {"WORKERS": str(workers), "BENTOML_HOME": str(folder / "home")}, [Work(f"{model} JSON", port, "/predict", wire.rows_json(), model)]

    return Peer("BentoML", "bentoml", f"{workers} workers, an async method", prepare)


# Ray's workers else run at a low priority.
THROUGHPUT = {"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1", "RAY_worker_niceness": "0"}


def ray_serve(replicas):
    def prepare(peer, folder, model_file, model):
        port, = free_ports(1)
        return [peer.programs / "python", APPS / "ray_app.py", model_file, port, replicas], THROUGHPUT, [Work(f"{model} JSON", port, "/predict", wire.rows_json(), model)]

    return Peer("Ray Serve", "ray", f"{replicas} replica beside the proxy (another costs more than it brings), optimized for throughput, an async method, orjson", prepare)


def mlflow(workers):
    def prepare(peer, folder, model_file, model):
        port, = free_ports(1)
        subprocess.run([peer.programs / "python", APPS / "save_mlflow.py", model_file, folder / "model"], check=True, env={**os.environ, **QUIET}, capture_output=True)
        command = [peer.programs / "mlflow", "models", "serve", "-m", folder / "model", "--env-manager", "local", "-h", "127.0.0.1", "-p", port, "--workers", workers]
        return command, {}, [Work(f"{model} invocations", port, "/invocations", wire.mlflow_json(), model)]

    return Peer("MLflow's server", "mlflow", f"{workers} workers", prepare)


def triton():
    def prepare(peer, folder, model_file, model):
        http, grpc, metrics = free_ports(3)
        command = [peer.programs / "python", APPS / "triton_app.py", model_file, FEATURES[model], http, grpc, metrics]
        target = "/v2/models/scores/infer"
        return command, {}, [
            Work(f"{model} JSON", http, target, wire.open_json("rows"), model),
            Work(f"{model} binary", http, target, wire.open_binary("rows", "prediction", FEATURES[model]), model),
            Work(f"{model} gRPC", grpc, wire.GRPC_METHOD, wire.open_grpc("scores", "rows"), model)]

    return Peer("Triton", "triton", "nvidia-pytriton: a Python model, dynamic batching of up to 64", prepare)


PEERS = [fastapi(1, ["S"]), fastapi(2), mlserver(), bentoml(2), ray_serve(1), mlflow(2), triton()]


@contextlib.contextmanager
def nginx(folder, body):
    """A constant answer of JSON: (pid, work)."""
    port, = free_ports(1)
    (folder / "nginx").mkdir()
    paths = "".join(f"{kind}_temp_path {folder}/nginx/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"worker_processes 2; daemon off; pid {folder}/nginx/pid; error_log {folder}/nginx/log;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 1000000000; {paths}\n"
        f" server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{body}'; }} }} }}\n")
    process = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)
    work = Work("constant", port, "/v2/models/S/infer", wire.open_json("rows"), compared=False)
    try:
        wait_for(process, [work], folder / "nginx/log")
        yield process.pid, work
    finally:
        stop(process)


def nginx_version():
    return subprocess.run([shutil.which("nginx") or "/usr/sbin/nginx", "-v"], capture_output=True, text=True).stderr.strip().removeprefix("nginx version: ")


