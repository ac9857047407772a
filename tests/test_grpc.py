"""The gRPC port, driven by the field's own clients: it answers what the HTTP port answers, and stays up whatever comes."""

import asyncio
import json
import queue
import socket
import struct

import grpc
import mlflow
import numpy as np
import pandas as pd
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
import xgboost as xgb
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from running import Server
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

FEATURES = ["size", "age", "weight"]
PROJECT = """kind: Project
name: scores
---
kind: Endpoint
name: scores
model: scores
alias: champion
---
kind: Endpoint
name: classes
model: classes
alias: champion
---
kind: Endpoint
name: empty
model: scores
alias: nobody
---
kind: Endpoint
name: arms
model: scores
routes:
  arms: [{name: champion, weight: 1}, {name: challenger, weight: 0}]
  override: {header: x-arm}
---
kind: Endpoint
name: sticky
model: scores
routes:
  arms: [{name: champion, weight: 1}, {name: challenger, weight: 1}]
  sticky: {parameter: user}
"""


def rows_of(count, seed=3):
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(count, len(FEATURES))), columns=FEATURES)


def register(name, objective, labels, alias="champion", **params):
    rows = rows_of(400)
    matrix = xgb.DMatrix(rows, labels(rows.sum(axis=1)))
    booster = xgb.train({"objective": objective, "max_depth": 3, **params}, matrix, 10)
    with mlflow.start_run():
        signature = mlflow.models.infer_signature(rows, booster.predict(matrix))
        version = mlflow.xgboost.log_model(booster, name="model", registered_model_name=name, signature=signature).registered_model_version
    mlflow.MlflowClient().set_registered_model_alias(name, alias, str(version))
    return booster


@pytest.fixture(scope="module")
def served(millrace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("grpc")
    (folder / "project").mkdir()
    (folder / "project/serving.yaml").write_text(PROJECT)
    with Server(millrace, folder / "home") as server:
        mlflow.set_tracking_uri(server.url)
        server.boosters = {
            "scores": register("scores", "binary:logistic", lambda total: total > 0),
            "classes": register("classes", "multi:softprob", lambda total: np.digitize(total, [-1, 1]), num_class=3),
        }
        register("scores", "binary:logistic", lambda total: total > 1, alias="challenger")
        server.apply(folder / "project")
        yield server
        mlflow.set_tracking_uri(None)


@pytest.fixture(scope="module")
def client(served):
    with triton.InferenceServerClient(served.grpc) as client:
        yield client


@pytest.fixture(scope="module")
def stub(served):
    """Of the service's own messages: what no client would send."""
    with grpc.insecure_channel(served.grpc) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def whole(values, name="input", datatype="FP64", kind=triton):
    tensor = kind.InferInput(name, list(values.shape), datatype)
    tensor.set_data_from_numpy(values)
    return [tensor]


def columns(rows):
    tensors = []
    for name in rows:
        tensors.append(triton.InferInput(name, [len(rows)], "FP64"))
        tensors[-1].set_data_from_numpy(rows[name].to_numpy())
    return tensors


def over_http(server, endpoint, inputs, **request):
    body = {"inputs": inputs, **request}
    return server.post(f"/v2/models/{endpoint}/infer", data=json.dumps(body), headers={"Content-Type": "application/json"})


def contents(name, values, field="fp64_contents", datatype="FP64", shape=None):
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape or [len(values)])
    getattr(tensor.contents, field).extend(values)
    return tensor


class TestTritonsClient:
    def test_it_sees_the_server_and_its_models(self, client):
        assert client.is_server_live()
        assert not client.is_server_ready()  # an endpoint has no model yet
        assert client.is_model_ready("scores") and client.is_model_ready("scores", "1")
        assert not client.is_model_ready("scores", "7") and not client.is_model_ready("empty")
        assert client.get_server_metadata().name == "millrace"

    def test_it_reads_what_a_model_takes_and_answers(self, client):
        metadata = client.get_model_metadata("classes", as_json=True)
        assert metadata["name"] == "classes" and metadata["versions"] == ["1"]
        assert [tensor["datatype"] for tensor in metadata["outputs"]] == ["FP64"]
        assert metadata["outputs"][0]["shape"] == ["-1", "3"]
        config = client.get_model_config("scores").config
        assert config.name == "scores"
        assert config.output[0].data_type == model_config_pb2.TYPE_FP64

    def test_metadata_are_those_of_http(self, served, client):
        theirs = served.get("/v2/models/scores")
        ours = client.get_model_metadata("scores")
        assert [(t.name, t.datatype, list(t.shape)) for t in ours.inputs] == [(t["name"], t["datatype"], t["shape"]) for t in theirs["inputs"]]
        assert [(t.name, t.datatype, list(t.shape)) for t in ours.outputs] == [(t["name"], t["datatype"], t["shape"]) for t in theirs["outputs"]]
        assert ours.platform == theirs["platform"]

    @pytest.mark.parametrize("endpoint", ["scores", "classes"])
    @pytest.mark.parametrize("count", [1, 7, 5000])
    def test_it_is_answered_what_the_library_and_http_answer(self, served, client, endpoint, count):
        rows = rows_of(count, seed=count)
        answer = client.infer(endpoint, whole(rows.to_numpy()), request_id="by-grpc")
        output = answer.as_numpy("prediction")
        np.testing.assert_array_equal(output.astype(np.float32), served.boosters[endpoint].predict(xgb.DMatrix(rows)))
        http = over_http(served, endpoint, [{"name": "input", "shape": list(rows.shape), "datatype": "FP64", "data": rows.to_numpy().ravel().tolist()}])
        np.testing.assert_array_equal(output.ravel(), http["outputs"][0]["data"])
        assert list(output.shape) == http["outputs"][0]["shape"]
        assert answer.get_response().id == "by-grpc" and answer.get_response().model_version == "1"

    def test_columns_by_their_names(self, served, client):
        rows = rows_of(4)
        np.testing.assert_array_equal(client.infer("scores", columns(rows)).as_numpy("prediction"), client.infer("scores", whole(rows.to_numpy())).as_numpy("prediction"))

    def test_outputs_that_were_asked_for(self, client):
        values = rows_of(2).to_numpy()
        answer = client.infer("scores", whole(values), outputs=[triton.InferRequestedOutput("prediction")])
        assert len(answer.get_response().outputs) == 1
        with pytest.raises(InferenceServerException, match="probability"):
            client.infer("scores", whole(values), outputs=[triton.InferRequestedOutput("probability")])

    def test_outputs_that_are_wrong(self, client):
        values = rows_of(2).to_numpy()
        twice = [triton.InferRequestedOutput("prediction"), triton.InferRequestedOutput("prediction")]
        with pytest.raises(InferenceServerException, match="prediction") as refused:
            client.infer("scores", whole(values), outputs=twice)
        assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"

    def test_the_largest_classes(self, served, client):
        rows = rows_of(6)
        answer = client.infer("classes", whole(rows.to_numpy()), outputs=[triton.InferRequestedOutput("prediction", class_count=2)])
        places = np.array([[int(text.split(b":")[1]) for text in row] for row in answer.as_numpy("prediction")])
        np.testing.assert_array_equal(places[:, 0], served.boosters["classes"].predict(xgb.DMatrix(rows)).argmax(axis=1))
        assert places.shape == (6, 2)

    def test_tritons_schedule(self, client):
        assert client.infer("scores", whole(rows_of(2).to_numpy()), priority=1, timeout=1_000_000, client_timeout=30)

    def test_versions(self, client):
        values = rows_of(2).to_numpy()
        assert client.infer("scores", whole(values), model_version="1").get_response().model_version == "1"
        for version in ("2", "newest"):
            with pytest.raises(InferenceServerException) as refused:
                client.infer("scores", whole(values), model_version=version)
            assert refused.value.status() == "StatusCode.NOT_FOUND"

    def test_routes_go_by_metadata_and_parameters(self, client):
        values = rows_of(2).to_numpy()
        asked = [client.infer("arms", whole(values), headers={"x-arm": arm}).get_response().model_version for arm in ("champion", "challenger")]
        assert asked == ["1", "2"]
        by_key = {client.infer("sticky", whole(values), parameters={"user": str(user)}).get_response().model_version for user in range(50)}
        assert by_key == {"1", "2"}
        assert len({client.infer("sticky", whole(values), parameters={"user": "ann"}).get_response().model_version for _ in range(20)}) == 1
        assert client.is_model_ready("arms", "2") and sorted(client.get_model_metadata("arms").versions) == ["1", "2"]

    @pytest.mark.parametrize("compression", ["gzip", "deflate"])
    def test_packed_requests(self, client, compression):
        values = rows_of(100).to_numpy()
        packed = client.infer("scores", whole(values), compression_algorithm=compression)
        np.testing.assert_array_equal(packed.as_numpy("prediction"), client.infer("scores", whole(values)).as_numpy("prediction"))

    def test_a_stream_of_requests(self, served, client):
        answers = queue.Queue()
        with triton.InferenceServerClient(served.grpc) as streaming:
            streaming.start_stream(callback=lambda result, error: answers.put((result, error)))
            for i in range(50):
                streaming.async_stream_infer("scores" if i != 20 else "nothing", whole(rows_of(3, seed=i).to_numpy()), request_id=str(i))
            got = [answers.get(timeout=30) for _ in range(50)]
            streaming.stop_stream()
        for i, (result, error) in enumerate(got):
            if i == 20:
                assert "nothing" in str(error)
                continue
            assert error is None and result.get_response().id == str(i)
            np.testing.assert_array_equal(result.as_numpy("prediction"), client.infer("scores", whole(rows_of(3, seed=i).to_numpy())).as_numpy("prediction"))

    def test_many_calls_at_once(self, served, client):
        answers = queue.Queue()
        for i in range(500):
            client.async_infer("scores", whole(rows_of(5, seed=i).to_numpy()), callback=lambda result, error: answers.put((result, error)), request_id=str(i))
        got = dict((result.get_response().id, result) for result, error in (answers.get(timeout=30) for _ in range(500)))
        assert len(got) == 500

    def test_the_asynchronous_client(self, served):
        async def run():
            async with triton_aio.InferenceServerClient(served.grpc) as client:
                assert await client.is_model_ready("scores")
                answers = await asyncio.gather(*[client.infer("scores", whole(rows_of(2, seed=i).to_numpy(), kind=triton_aio)) for i in range(200)])

                async def requests():
                    for i in range(20):
                        yield {"model_name": "scores", "inputs": whole(rows_of(2, seed=i).to_numpy(), kind=triton_aio)}

                streamed = [result async for result, error in client.stream_infer(requests()) if error is None]
                return answers, streamed

        answers, streamed = asyncio.run(run())
        assert len(answers) == 200 and len(streamed) == 20
        for direct, through_stream in zip(answers, streamed):
            np.testing.assert_array_equal(direct.as_numpy("prediction"), through_stream.as_numpy("prediction"))

    def test_large_tensors(self, served, client):
        values = rows_of(400_000).to_numpy()  # 9.6 MB
        assert client.infer("classes", whole(values)).as_numpy("prediction").shape == (400_000, 3)

    def test_the_repository(self, client):
        index = {model.name: model for model in client.get_model_repository_index().models}
        assert index["scores"].state == "READY" and index["scores"].version == "1"
        assert index["empty"].state == "UNAVAILABLE" and "nobody" in index["empty"].reason

    def test_an_endpoint_is_unloaded_and_loaded(self, client):
        client.unload_model("sticky")
        assert not client.is_model_ready("sticky")
        with pytest.raises(InferenceServerException) as refused:
            client.infer("sticky", whole(rows_of(1).to_numpy()))
        assert refused.value.status() == "StatusCode.UNAVAILABLE"
        with pytest.raises(InferenceServerException, match="apply a project") as refused:
            client.load_model("sticky", config="{}")
        assert refused.value.status() == "StatusCode.UNIMPLEMENTED"
        client.load_model("sticky")
        assert client.is_model_ready("sticky") and client.infer("sticky", whole(rows_of(1).to_numpy()))
        with pytest.raises(InferenceServerException) as refused:
            client.load_model("nothing")
        assert refused.value.status() == "StatusCode.NOT_FOUND"

    def test_statistics_are_those_of_http(self, served, client):
        client.infer("classes", whole(rows_of(3).to_numpy()))
        with pytest.raises(InferenceServerException):
            client.infer("classes", whole(rows_of(3).to_numpy()[:, :2]))
        [ours] = client.get_inference_statistics("classes").model_stats
        [theirs] = served.get("/v2/models/classes/stats")["model_stats"]
        assert ours.version == "1" and ours.inference_count == theirs["inference_count"] >= 3
        assert ours.execution_count == theirs["execution_count"] and ours.last_inference == theirs["last_inference"]
        for phase in ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output"):
            assert {"count": getattr(ours.inference_stats, phase).count, "ns": getattr(ours.inference_stats, phase).ns} == theirs["inference_stats"][phase], phase
        assert [batch.batch_size for batch in ours.batch_stats] == [batch["batch_size"] for batch in theirs["batch_stats"]]
        every = client.get_inference_statistics().model_stats
        assert {(stats.name, stats.version) for stats in every} >= {("classes", "1"), ("arms", "1"), ("arms", "2")}
        assert [stats.version for stats in client.get_inference_statistics("arms", "2").model_stats] == ["2"]

    def test_what_there_is_not_says_so(self, client):
        for call in (client.get_system_shared_memory_status, client.get_cuda_shared_memory_status, client.get_trace_settings, client.get_log_settings):
            with pytest.raises(InferenceServerException, match="millrace has no") as refused:
                call()
            assert refused.value.status() == "StatusCode.UNIMPLEMENTED"

    def test_an_endpoint_that_is_not_there(self, client):
        for call in (lambda: client.infer("score", whole(rows_of(1).to_numpy())), lambda: client.get_model_metadata("score"), lambda: client.get_model_config("score")):
            with pytest.raises(InferenceServerException, match='did you mean "scores"') as refused:
                call()
            assert refused.value.status() == "StatusCode.NOT_FOUND"
        with pytest.raises(InferenceServerException, match="no model yet") as refused:
            client.infer("empty", whole(rows_of(1).to_numpy()))
        assert refused.value.status() == "StatusCode.UNAVAILABLE"


class TestContents:
    """Typed contents, which are answered by typed contents."""

    def test_numbers_of_every_kind(self, served, stub):
        rows = pd.DataFrame(np.random.default_rng(1).integers(0, 3, size=(4, 3)), columns=FEATURES)
        expected = served.boosters["scores"].predict(xgb.DMatrix(rows))
        kinds = [("INT8", "int_contents"), ("INT16", "int_contents"), ("INT32", "int_contents"), ("INT64", "int64_contents"), ("UINT8", "uint_contents"), ("UINT16", "uint_contents"), ("UINT32", "uint_contents"), ("UINT64", "uint64_contents"), ("FP32", "fp32_contents"), ("FP64", "fp64_contents")]
        for datatype, field in kinds:
            values = rows.to_numpy().ravel().tolist()
            request = service_pb2.ModelInferRequest(model_name="scores", inputs=[contents("input", values, field, datatype, [4, 3])])
            answer = stub.ModelInfer(request)
            assert not answer.raw_output_contents, datatype
            np.testing.assert_array_equal(np.array(answer.outputs[0].contents.fp64_contents, np.float32), expected)

    def test_event_time_and_unknown_parameters(self, stub):
        request = service_pb2.ModelInferRequest(model_name="scores", inputs=[contents("input", [0.1, 0.2, 0.3], shape=[1, 3])])
        request.parameters["event_time"].string_param = "2001-03-01T06:00:00Z"
        request.parameters["season"].double_param = 0.5
        assert stub.ModelInfer(request).outputs[0].name == "prediction"
        request.parameters["priority"].string_param = "high"
        with pytest.raises(grpc.RpcError, match="priority"):
            stub.ModelInfer(request)
        del request.parameters["priority"]
        request.parameters["event_time"].bool_param = True
        with pytest.raises(grpc.RpcError, match="event_time"):
            stub.ModelInfer(request)

    @pytest.mark.parametrize(
        "name, tensor, raw, said",
        [
            ("too few values", contents("input", [1.0], shape=[1, 3]), [], "its shape"),
            ("too many values", contents("input", [1.0] * 9, shape=[1, 3]), [], "more values"),
            ("a negative extent", contents("input", [1.0], shape=[-1, 3]), [], "negative"),
            ("an overflowing shape", contents("input", [1.0], shape=[2**62, 2**62]), [], "elements"),
            ("a shape beyond reason", contents("input", [1.0], shape=[1] * 1000), [], "extents"),
            ("an unknown datatype", contents("input", [1.0] * 3, datatype="FP12", shape=[1, 3]), [], "FP12"),
            ("another list", contents("input", [1] * 3, "int_contents", "FP64", [1, 3]), [], "list"),
            ("out of range", contents("input", [300] * 3, "int_contents", "INT8", [1, 3]), [], "not INT8"),
            ("half precision", contents("input", [1.0] * 3, datatype="FP16", shape=[1, 3]), [], "raw"),
            ("raw bytes too short", contents("input", [], shape=[1, 3]), [b"1234"], "raw bytes"),
            ("both", contents("input", [1.0] * 3, shape=[1, 3]), [bytes(24)], "one of them"),
            ("more raw than inputs", contents("input", [], shape=[1, 3]), [bytes(24), bytes(24)], "raw_input_contents"),
            ("texts that end early", contents("input", [], datatype="BYTES", shape=[3]), [struct.pack("<I", 1000)], "past the end"),
            ("texts instead of numbers", contents("input", [b"a", b"b", b"c"], "bytes_contents", "BYTES", [1, 3]), [], "BYTES"),
        ],
    )
    def test_what_does_not_fit_is_told(self, stub, name, tensor, raw, said):
        request = service_pb2.ModelInferRequest(model_name="scores", inputs=[tensor], raw_input_contents=raw)
        if raw:
            both = name == "both"
            request.inputs[0].ClearField("contents") if not both else None
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(request)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT, refused.value.details()
        assert said in refused.value.details()


class TestHealth:
    def test_probes(self, served):
        with grpc.insecure_channel(served.grpc) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            check = lambda service: health.Check(health_pb2.HealthCheckRequest(service=service)).status
            assert check("") == check("inference.GRPCInferenceService") == health_pb2.HealthCheckResponse.NOT_SERVING
            with pytest.raises(grpc.RpcError) as refused:
                check("another.Service")
            assert refused.value.code() == grpc.StatusCode.NOT_FOUND

    def test_a_watch_is_told_when_the_server_becomes_ready(self, server, tmp_path):
        (tmp_path / "serving.yaml").write_text("kind: Project\nname: none\n---\nkind: Endpoint\nname: later\nmodel: later\nalias: champion\n")
        with grpc.insecure_channel(server.grpc) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=60)
            assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
            server.apply(tmp_path)
            assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
            watch.cancel()
            unknown = health.Watch(health_pb2.HealthCheckRequest(service="another.Service"), timeout=60)
            assert next(unknown).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class TestReflection:
    def test_it_lists_the_services(self, served):
        with grpc.insecure_channel(served.grpc) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            assert set(database.get_services()) == {"inference.GRPCInferenceService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}

    def test_messages_have_the_protocols_numbers(self, served):
        """Each field of ours is the one that Triton's own clients know."""
        with grpc.insecure_channel(served.grpc) as channel:
            pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
            service = pool.FindServiceByName("inference.GRPCInferenceService")
            theirs = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
            for method in service.methods:
                for ours, known in ((method.input_type, theirs.methods_by_name[method.name].input_type), (method.output_type, theirs.methods_by_name[method.name].output_type)):
                    compare(ours, known)


def compare(ours, theirs, seen=frozenset()):
    for field in ours.fields:
        if (ours.name, field.name) == ("ModelMetadataResponse", "properties"):
            continue  # the Open Inference Protocol's
        known = theirs.fields_by_name[field.name]
        assert (field.number, field.type) == (known.number, known.type), field.full_name
        if field.message_type and field.full_name not in seen:
            compare(field.message_type, known.message_type, seen | {field.full_name})


class TestHostileBytes:
    """Whatever comes is refused, and the next call is answered."""

    def call(self, served, method, message):
        with grpc.insecure_channel(served.grpc) as channel:
            return channel.unary_unary(f"/inference.GRPCInferenceService/{method}")(message, timeout=30)

    @pytest.mark.parametrize("method", ["ModelInfer", "ModelMetadata", "ModelReady", "ModelConfig", "RepositoryIndex"])
    def test_what_is_no_protobuf(self, served, method):
        for message in (b"\xff" * 50, b"\x0a\xff\xff\xff\xff\x0f", b"\x2a\x05\x0a", b"\x0b", b"\x08" * 11 + b"\xff"):
            if method == "ModelReady":
                continue  # which only says no
            with pytest.raises(grpc.RpcError) as refused:
                self.call(served, method, message)
            assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT, (method, message)

    def test_every_beginning_of_a_request(self, served):
        request = service_pb2.ModelInferRequest(model_name="scores", id="x", inputs=[contents("input", [1.0] * 3, shape=[1, 3])])
        whole_message = request.SerializeToString()
        with grpc.insecure_channel(served.grpc) as channel:
            infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            for size in range(len(whole_message)):
                with pytest.raises(grpc.RpcError) as refused:
                    infer(whole_message[:size], timeout=30)
                assert refused.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
            assert infer(whole_message, timeout=30)

    def test_a_method_that_is_not_there(self, served):
        with pytest.raises(grpc.RpcError) as refused:
            self.call(served, "Nothing", b"")
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED

    def test_noise_on_the_port(self, served, client):
        for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 5000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 5000):
            with socket.create_connection(("127.0.0.1", served.grpc_port), timeout=30) as connection:
                connection.sendall(noise)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
        assert client.is_server_live()


def test_a_server_that_stops_lets_calls_end(new_server):
    server = new_server()
    with grpc.insecure_channel(server.grpc) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        assert server.stop() == 0
        with pytest.raises(grpc.RpcError) as ended:
            next(watch)
        assert ended.value.code() == grpc.StatusCode.UNAVAILABLE


def test_the_port_can_be_closed(millrace, tmp_path):
    with Server(millrace, tmp_path / "home", options=["--grpc-listen", "off"]) as server:
        assert server.grpc_port == 0 and server.get("/health")


def test_a_port_in_use_is_named(millrace, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = millrace("server", "--home", tmp_path / "home", "--listen", "127.0.0.1:0", "--grpc-listen", str(port), timeout=30)
    assert done.returncode != 0 and f"127.0.0.1:{port}" in done.stderr and "--grpc-listen" in done.stderr
