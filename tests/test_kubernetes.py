"""The manifests that ship: held to Kubernetes' published schemas, to one another, and to what the program really takes and answers."""

import contextlib
import json
import pathlib
import re
import shutil
import subprocess

import kubernetes_validate
import mlflow
import numpy as np
import pytest
import requests
import xgboost as xgb
import yaml
from replicas import until
from serving import register, serve

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "deploy/kubernetes"
VERSIONS = ["1.30", "1.33", kubernetes_validate.latest_version()]
PODS = {"Deployment", "StatefulSet"}
ENDING_SECONDS = 10  # that requests under way are given, after the drain


def documents(*names):
    files = [FOLDER / name for name in names] or sorted(FOLDER.glob("*.yaml"))
    return [each for file in files for each in yaml.safe_load_all(file.read_text())]


KUSTOMIZATION = documents("kustomization.yaml")[0]
MANIFESTS = documents(*KUSTOMIZATION["resources"])


def name_of(manifest):
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def find(kind, name):
    return next(each for each in MANIFESTS if name_of(each) == f"{kind} {name}")


def pod_of(manifest):
    return manifest["spec"]["template"]


def container_of(manifest):
    return pod_of(manifest)["spec"]["containers"][0]


SERVER, REPLICA = find("StatefulSet", "millrace-server"), find("Deployment", "millrace-replica")
WORKLOADS = {"server": SERVER, "replica": REPLICA}


def flags_of(manifest):
    """The command, and the values of its options."""
    command, *options = container_of(manifest)["args"]
    return command, dict(option.partition("=")[::2] for option in options)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", MANIFESTS, ids=name_of)
def test_a_manifest_is_what_kubernetes_takes(manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_key_too_many_is_found():
    server = json.loads(json.dumps(SERVER))
    pod_of(server)["spec"]["terminationGracePeriod"] = 30
    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGracePeriod"):
        kubernetes_validate.validate(server, VERSIONS[-1], strict=True)


def test_every_file_is_in_the_kustomization():
    assert {file.name for file in FOLDER.glob("*.yaml")} == {*KUSTOMIZATION["resources"], "kustomization.yaml"}
    images = {container["image"] for each in WORKLOADS.values() for container in [*pod_of(each)["spec"].get("initContainers", []), container_of(each)]}
    assert images == {image["name"] for image in KUSTOMIZATION["images"]}


def selects(selector, labels):
    return selector and selector.items() <= labels.items()


def test_whatever_names_another_names_one_that_is_there():
    labels = {name: pod_of(each)["metadata"]["labels"] for name, each in WORKLOADS.items()}
    for kind, name, workload in [("Service", "millrace-server", "server"), ("Service", "millrace", "replica")]:
        spec = find(kind, name)["spec"]
        assert [selects(spec["selector"], labels[each]) for each in WORKLOADS] == [each == workload for each in WORKLOADS]
        ports = {port["name"]: port["containerPort"] for port in container_of(WORKLOADS[workload])["ports"]}
        assert {port["targetPort"]: port["port"] for port in spec["ports"]} == ports
    for each in WORKLOADS.values():
        assert selects(each["spec"]["selector"]["matchLabels"], pod_of(each)["metadata"]["labels"])
        assert pod_of(each)["spec"]["serviceAccountName"] in {one["metadata"]["name"] for one in MANIFESTS if one["kind"] == "ServiceAccount"}
    assert SERVER["spec"]["serviceName"] == "millrace-server"
    assert find("HorizontalPodAutoscaler", "millrace-replica")["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "millrace-replica"}
    chosen = [find("PodDisruptionBudget", "millrace-replica")["spec"]["selector"]["matchLabels"]]
    chosen += [term["labelSelector"]["matchLabels"] for term in pod_of(REPLICA)["spec"]["topologySpreadConstraints"]]
    chosen += [find("NetworkPolicy", "millrace-replica")["spec"]["podSelector"]["matchLabels"]]
    assert all(selects(each, labels["replica"]) and not selects(each, labels["server"]) for each in chosen)
    assert selects(find("NetworkPolicy", "millrace-server")["spec"]["podSelector"]["matchLabels"], labels["server"])


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_pod_may_do_little_and_writes_only_where_it_has_a_volume(workload):
    spec = pod_of(WORKLOADS[workload])["spec"]
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        context = container["securityContext"]
        assert context == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/tmp", "/var/lib/millrace"}
        volumes = {volume["name"] for volume in spec["volumes"]} | {claim["metadata"]["name"] for claim in WORKLOADS[workload]["spec"].get("volumeClaimTemplates", [])}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


def test_the_program_has_the_flags(millrace):
    for each in WORKLOADS.values():
        command, flags = flags_of(each)
        known = set(re.findall(r"--[a-z-]+", millrace(command, "--help").stdout))
        assert set(flags) <= known
        ports = {port["name"]: str(port["containerPort"]) for port in container_of(each)["ports"]}
        assert (flags["--listen"].split(":")[1], flags["--grpc-listen"].split(":")[1]) == (ports["http"], ports["grpc"])


def test_a_replica_finds_the_server_and_has_time_to_end():
    _, flags = flags_of(REPLICA)
    service = find("Service", "millrace-server")
    assert flags["--from"] == f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    spec = pod_of(REPLICA)["spec"]
    probe = spec["containers"][0]["readinessProbe"]
    drain = int(flags["--drain-seconds"])
    assert drain > probe["periodSeconds"] * probe["failureThreshold"]
    assert spec["terminationGracePeriodSeconds"] >= drain + 2 * ENDING_SECONDS


def probes():
    for workload, manifest in WORKLOADS.items():
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            yield workload, container_of(manifest)[kind]["httpGet"]["path"]


@pytest.fixture(scope="module")
def endpoint(tracking, tmp_path_factory):
    rows = np.random.default_rng(3).normal(size=(50, 2))
    register(mlflow.xgboost, xgb.train({"nthread": 1}, xgb.DMatrix(rows, rows[:, 0]), 2), "scores", pip_requirements=["xgboost"])
    assert serve(tracking, tmp_path_factory.mktemp("kubernetes"), "scores").returncode == 0
    return tracking


@pytest.mark.parametrize("path", sorted({path for _, path in probes()}))
def test_a_probe_is_answered(endpoint, path):
    described = json.loads((ROOT / "src/api/http/openapi.json").read_text())["paths"]
    assert "get" in described[path]
    endpoint.get(path)


def test_the_autoscaler_asks_for_a_metric_that_is_exposed(endpoint):
    rule = yaml.safe_load((FOLDER / "prometheus/adapter.yaml").read_text())["rules"][0]
    [metric] = find("HorizontalPodAutoscaler", "millrace-replica")["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    series = re.match(r"\w+", rule["seriesQuery"])[0]
    assert f"\n{series}{{" in endpoint.get("/metrics")


SCENE = """
rule_files: [rule.yaml]
evaluation_interval: 5s
tests:
  - interval: 5s
    input_series:
      - {series: 'millrace_inflight_requests{namespace="millrace", pod="a", endpoint="x"}', values: '9x11 2x12'}
      - {series: 'millrace_inflight_requests{namespace="millrace", pod="a", endpoint="y"}', values: '1x24'}
    promql_expr_test:
      - {expr: in_flight, eval_time: 120s, exp_samples: [{labels: 'in_flight{pod="a"}', value: 3}]}
"""


@pytest.mark.skipif(not shutil.which("promtool"), reason="prometheus is not installed")
def test_prometheus_takes_the_configuration_and_computes_the_metric(tmp_path):
    scrape = yaml.safe_load((FOLDER / "prometheus/scrape.yaml").read_text())
    [place] = scrape["scrape_configs"][0].pop("kubernetes_sd_configs")  # Debian's Prometheus is built without
    assert place == {"role": "pod", "namespaces": {"names": [KUSTOMIZATION["namespace"]]}}
    (tmp_path / "scrape.yaml").write_text(yaml.safe_dump(scrape))
    done = subprocess.run(["promtool", "check", "config", tmp_path / "scrape.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    query = yaml.safe_load((FOLDER / "prometheus/adapter.yaml").read_text())["rules"][0]["metricsQuery"]
    for name, text in {"Series": "millrace_inflight_requests", "LabelMatchers": 'namespace="millrace"', "GroupBy": "pod"}.items():
        query = query.replace(f"<<.{name}>>", text)
    (tmp_path / "rule.yaml").write_text(yaml.safe_dump({"groups": [{"name": "adapter", "rules": [{"record": "in_flight", "expr": query}]}]}))
    (tmp_path / "scene.yaml").write_text(SCENE)
    done = subprocess.run(["promtool", "test", "rules", tmp_path / "scene.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def make_first_user(millrace, home, password):
    """What the init container does, with other folders."""
    script = pod_of(SERVER)["spec"]["initContainers"][0]["args"][0]
    for path, place in {"/var/lib/millrace": home, "/etc/millrace/password": password, "/tmp/said": home.parent / "said"}.items():
        script = script.replace(path, str(place))
    return subprocess.run(["sh", "-ec", script], env={"PATH": f"{millrace.program.parent}:/usr/bin:/bin"}, capture_output=True, text=True)


@contextlib.contextmanager
def run_as(millrace, manifest, places, **environment):
    """The program as its manifest starts it, but on other ports and where `places` say; its process and URL."""
    args = [re.sub(r"0\.0\.0\.0:808\d$", "0.0.0.0:0", arg) for arg in container_of(manifest)["args"]]
    for name, place in places.items():
        args = [arg.replace(name, str(place)) for arg in args]
    process = millrace.start(*args, environment=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process, next(said["url"] for said in map(json.loads, process.stderr) if said["message"] in ("millrace is ready", "millrace is listening"))
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture
def started(millrace, tmp_path):
    """The server as its manifest starts it, but for folders and ports; answers its process and URL."""
    (tmp_path / "password").write_text("correct horse battery staple")
    for _ in range(2):  # a pod is started again
        done = make_first_user(millrace, tmp_path / "home", tmp_path / "password")
        assert done.returncode == 0, done.stderr
    with run_as(millrace, SERVER, {"/var/lib/millrace": tmp_path / "home"}) as (process, url):
        yield process, url


def test_the_server_starts_as_its_manifest_says_and_knows_its_first_user(started):
    process, url = started
    for path in ("/health", "/metrics"):
        assert requests.get(url + path, timeout=30).status_code == 200
    assert requests.get(f"{url}/api/v1/endpoints", timeout=30).status_code == 401
    assert requests.get(f"{url}/api/v1/endpoints", timeout=30, auth=("admin", "correct horse battery staple")).status_code == 200
    process.terminate()
    assert process.wait(ENDING_SECONDS + 5) == 0


def test_a_replica_starts_as_its_manifest_says_and_knows_the_servers_tokens(millrace, started, tmp_path):
    _, server = started
    made = requests.post(f"{server}/api/v1/tokens", json={"name": "replicas", "role": "deployer"}, auth=("admin", "correct horse battery staple"), timeout=30)
    token = made.json()["secret"]
    places = {"http://millrace-server:8080": server, "/var/lib/millrace": tmp_path / "replica", "$(POD_NAME)": "pod", "$(POD_IP)": "127.0.0.1", "seconds=15": "seconds=0"}
    with run_as(millrace, REPLICA, places, MILLRACE_TOKEN=token) as (process, url):
        until(lambda: requests.get(f"{url}/v2/health/ready", timeout=30).status_code == 200, "it is ready")
        assert requests.get(f"{url}/v1/models", timeout=30).status_code == 401
        assert requests.get(f"{url}/v1/models", headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code == 200
        process.terminate()
        assert process.wait(ENDING_SECONDS + 5) == 0


def test_a_first_user_that_cannot_be_made_is_no_start(millrace, tmp_path):
    (tmp_path / "password").write_text("")
    done = make_first_user(millrace, tmp_path / "home", tmp_path / "password")
    assert done.returncode != 0 and "password" in done.stderr


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="only Debian knows its packages")
def test_the_image_has_the_libraries_that_the_program_is_linked_to(millrace):
    installed = set(re.search(r"--no-install-recommends (.*?)&&", (ROOT / "deploy/container/Containerfile").read_text(), re.S)[1].replace("\\", "").split())
    libraries = re.findall(r"=> (/\S+)", subprocess.run(["ldd", millrace.program], capture_output=True, text=True).stdout)
    owners = set()
    for library in libraries:
        found = subprocess.run(["dpkg-query", "-S", pathlib.Path(library).resolve()], capture_output=True, text=True).stdout
        owners |= {found.split(":")[0]} - {""}
    assert owners - {"libc6", "libgcc-s1"} <= installed
