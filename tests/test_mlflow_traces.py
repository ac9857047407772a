"""Traces, assessments and what is sent of them, as the unmodified mlflow client does it."""

import gzip
import json
import time
import zlib

import mlflow
import pytest
import requests
from mlflow.entities import AssessmentSource, SpanStatusCode, SpanType, TraceState
from mlflow.exceptions import MlflowException
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

pytestmark = pytest.mark.usefixtures("tracking")


@pytest.fixture
def experiment(request):
    return mlflow.set_experiment(f"{request.node.name}-{time.time_ns()}").experiment_id


def traced(question="what is a millrace?"):
    """One trace of two spans; its id."""
    with mlflow.start_span(name="answer", span_type=SpanType.CHAIN) as root:
        root.set_inputs({"question": question})
        with mlflow.start_span(name="ask", span_type=SpanType.LLM) as child:
            child.set_attributes({"model": "gpt", "temperature": 0.5, "nested": {"list": [1, True, None, "x"]}, "größe": "ß"})
            child.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7})
            child.set_outputs(["a", {"b": 1.5}])
        root.set_outputs("a channel")
    mlflow.flush_trace_async_logging()
    return root.trace_id


def found(experiment, filter=None, **options):
    return [trace.info.trace_id for trace in mlflow.search_traces(locations=[experiment], filter_string=filter, return_type="list", **options)]


def test_a_traced_function_is_kept_whole(experiment):
    @mlflow.trace(span_type=SpanType.TOOL)
    def add(x, y):
        return {"sum": x + y}

    assert add(1, y=2) == {"sum": 3}
    mlflow.flush_trace_async_logging()
    trace = mlflow.get_trace(mlflow.get_last_active_trace_id())
    assert trace.info.experiment_id == experiment and trace.info.state == TraceState.OK
    (span,) = trace.data.spans
    assert (span.name, span.span_type, span.inputs, span.outputs) == ("add", "TOOL", {"x": 1, "y": 2}, {"sum": 3})
    assert trace.info.execution_duration is not None and trace.info.request_preview == '{"x": 1, "y": 2}'


def test_spans_come_back_as_they_were(experiment):
    trace = mlflow.get_trace(traced())
    root, child = trace.data.spans
    assert (root.name, root.parent_id, root.inputs, root.outputs) == ("answer", None, {"question": "what is a millrace?"}, "a channel")
    assert child.parent_id == root.span_id and child.span_type == "LLM"
    assert child.get_attribute("nested") == {"list": [1, True, None, "x"]}
    assert child.get_attribute("temperature") == 0.5 and child.get_attribute("größe") == "ß"
    assert child.outputs == ["a", {"b": 1.5}]
    assert root.start_time_ns <= child.start_time_ns < child.end_time_ns <= root.end_time_ns
    assert trace.info.token_usage == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert trace.info.trace_metadata["mlflow.source.name"]


def test_a_failure_is_an_event(experiment):
    @mlflow.trace
    def fail():
        raise ValueError("no such mill")

    with pytest.raises(ValueError):
        fail()
    mlflow.flush_trace_async_logging()
    trace = mlflow.get_trace(mlflow.get_last_active_trace_id())
    (span,) = trace.data.spans
    assert trace.info.state == TraceState.ERROR and span.status.status_code == SpanStatusCode.ERROR
    (event,) = span.events
    assert event.name == "exception" and event.attributes["exception.message"] == "no such mill"
    assert found(experiment, "trace.text LIKE '%no such mill%'") == [trace.info.trace_id]


def test_traces_are_found_by_all_that_they_have(experiment, client):
    one, other = traced(), traced("where is the wheel?")
    client.set_trace_tag(other, "team", "ops")
    with mlflow.start_run() as run:
        third = traced("in a run?")
    assert found(experiment) == [third, other, one]
    assert found(experiment, order_by=["timestamp_ms ASC"], max_results=2) == [one, other]
    assert found(experiment, "tag.team = 'ops'") == [other]
    assert found(experiment, "trace.status = 'OK' AND span.name = 'ask'") == [third, other, one]
    assert found(experiment, "span.attributes.model = 'gpt' AND span.type = 'LLM'", max_results=1) == [third]
    assert found(experiment, "trace.text ILIKE '%WHEEL%'") == [other]
    assert found(experiment, "span.attributes.model RLIKE '^g.t$'") == [third, other, one]
    assert found(experiment, f"trace.run_id = '{run.info.run_id}'") == [third]
    assert found(experiment, run_id=run.info.run_id) == [third]
    assert found(experiment, f"trace.timestamp > {int(time.time() * 1000) + 10_000}") == []
    assert found(experiment, f"request_id IN ('{one}', '{other}')") == [other, one]
    assert len(mlflow.search_traces(locations=[experiment])) == 3  # as a table
    with pytest.raises(MlflowException, match="Invalid span key 'color'"):
        found(experiment, "span.color = 'red'")


def test_pages_of_traces_follow_each_other(experiment, client):
    ids = [traced(str(i)) for i in range(5)]
    first = client.search_traces(locations=[experiment], max_results=3)
    second = client.search_traces(locations=[experiment], max_results=3, page_token=first.token)
    assert [trace.info.trace_id for trace in [*first, *second]] == ids[::-1] and second.token is None


def test_tags_of_traces_change(experiment, client):
    id = traced()
    client.set_trace_tag(id, "team", "ops")
    assert client.get_trace(id).info.tags["team"] == "ops"
    client.delete_trace_tag(id, "team")
    assert "team" not in client.get_trace(id).info.tags
    with pytest.raises(MlflowException, match="No trace tag with key 'team'"):
        client.delete_trace_tag(id, "team")
    with pytest.raises(MlflowException, match="not found"):
        client.set_trace_tag("tr-nobody", "a", "b")


def test_metadata_and_tags_are_told_within_the_trace(experiment):
    with mlflow.start_span("s") as span:
        mlflow.update_current_trace(tags={"a": "1"}, metadata={"mlflow.trace.session": "s1"}, client_request_id="c1")
    mlflow.flush_trace_async_logging()
    info = mlflow.get_trace(span.trace_id).info
    assert (info.tags["a"], info.trace_metadata["mlflow.trace.session"], info.client_request_id) == ("1", "s1", "c1")
    assert found(experiment, "metadata.`mlflow.trace.session` = 's1'") == [span.trace_id]
    assert found(experiment, "client_request_id = 'c1'") == [span.trace_id]


def test_traces_are_deleted(experiment, client):
    ids = [traced(str(i)) for i in range(3)]
    assert client.delete_traces(experiment, trace_ids=[ids[0], "tr-nobody"]) == 1
    assert found(experiment) == [ids[2], ids[1]]
    assert client.delete_traces(experiment, max_timestamp_millis=int(time.time() * 1000) + 1000, max_traces=1) == 1
    assert found(experiment) == [ids[2]]
    assert mlflow.get_trace(ids[0]) is None
    with pytest.raises(MlflowException):
        client.delete_traces(experiment)


def test_feedback_and_expectations(experiment):
    id = traced()
    human = AssessmentSource(source_type="HUMAN", source_id="bob")
    feedback = mlflow.log_feedback(trace_id=id, name="good", value=True, rationale="it is", source=human, metadata={"k": "v"})
    mlflow.log_feedback(trace_id=id, name="score", value=0.75)
    mlflow.log_feedback(trace_id=id, name="broken", error=ValueError("judge is ill"))
    expectation = mlflow.log_expectation(trace_id=id, name="facts", value={"a": [1, 2]}, source=human)
    mlflow.log_expectation(trace_id=id, name="answer", value="a channel", source=human)

    got = mlflow.get_assessment(id, feedback.assessment_id)
    assert (got.name, got.value, got.rationale, got.source, got.metadata, got.valid) == ("good", True, "it is", human, {"k": "v"}, True)
    assert mlflow.get_assessment(id, expectation.assessment_id).value == {"a": [1, 2]}
    said = {a.name: a for a in mlflow.get_trace(id).info.assessments}
    assert said["broken"].error.error_message == "judge is ill" and said["score"].value == 0.75

    assert found(experiment, "feedback.good = 'true' AND feedback.score > 0.7") == [id]
    assert found(experiment, "expectation.answer LIKE 'a %'") == [id]
    assert found(experiment, "feedback.score < 0.7") == []


def test_feedback_is_changed_overridden_and_deleted(experiment):
    id = traced()
    source = AssessmentSource(source_type="LLM_JUDGE", source_id="gpt")
    first = mlflow.log_feedback(trace_id=id, name="good", value=False, source=source, metadata={"a": "1"})
    mlflow.update_assessment(id, first.assessment_id, mlflow.entities.Feedback(name="better", value=True, source=source, rationale="hm", metadata={"b": "2"}))
    changed = mlflow.get_assessment(id, first.assessment_id)
    assert (changed.name, changed.value, changed.rationale, changed.metadata) == ("better", True, "hm", {"a": "1", "b": "2"})
    second = mlflow.override_feedback(trace_id=id, assessment_id=first.assessment_id, value="no", rationale="really")
    assert second.overrides == first.assessment_id and not mlflow.get_assessment(id, first.assessment_id).valid
    mlflow.delete_assessment(id, second.assessment_id)
    assert mlflow.get_assessment(id, first.assessment_id).valid
    mlflow.delete_assessment(id, second.assessment_id)
    with pytest.raises(MlflowException, match="not found for trace"):
        mlflow.get_assessment(id, second.assessment_id)


def test_spans_are_logged_as_a_trace_by_hand(experiment, client):
    root = client.start_trace("by hand", inputs={"a": 1}, experiment_id=experiment, tags={"t": "1"})
    span = client.start_span("inner", trace_id=root.trace_id, parent_id=root.span_id)
    client.end_span(root.trace_id, span.span_id, outputs=2)
    client.end_trace(root.trace_id, outputs={"b": 2})
    mlflow.flush_trace_async_logging()
    trace = client.get_trace(root.trace_id)
    assert [span.name for span in trace.data.spans] == ["by hand", "inner"] and trace.info.tags["t"] == "1"
    assert found(experiment, "trace.name = 'by hand'") == [root.trace_id]


def test_links_to_runs_and_prompts(experiment, client):
    id = traced()
    run = client.create_run(experiment).info.run_id
    client.link_traces_to_run([id], run)
    assert found(experiment, run_id=run) == [id]
    prompt = mlflow.entities.model_registry.PromptVersion(name="greeting", version=3, template="hi")
    client.link_prompt_versions_to_trace([prompt], id)
    assert found(experiment, 'prompt = "greeting/3"') == [id]


# OTLP


def otlp(trace="0af7651916cd43dd8448eb211c80319c", name="from afar"):
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    attribute = resource.resource.attributes.add(key="service.name")
    attribute.value.string_value = "mill"
    span = resource.scope_spans.add().spans.add(name=name, start_time_unix_nano=1_000_000_000, end_time_unix_nano=2_500_000_000)
    span.trace_id, span.span_id = bytes.fromhex(trace), bytes.fromhex("b7ad6b7169203331")
    span.attributes.add(key="n").value.int_value = -7
    span.attributes.add(key="bytes").value.bytes_value = b"\x00\xff"
    span.links.add(trace_id=bytes.fromhex(trace), span_id=bytes.fromhex("00f067aa0ba902b7"))
    return request


def send(server, body, type="application/x-protobuf", experiment="0", **headers):
    return requests.post(f"{server.url}/v1/traces", data=body, headers={"content-type": type, "x-mlflow-experiment-id": experiment, **headers})


@pytest.mark.parametrize("pack, encoding", [(bytes, None), (gzip.compress, "gzip"), (zlib.compress, "deflate")])
def test_otlp_of_any_program(tracking, experiment, client, pack, encoding):
    answer = send(tracking, pack(otlp().SerializeToString()), experiment=experiment, **({"content-encoding": encoding} if encoding else {}))
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"", "application/x-protobuf")
    trace = client.get_trace("tr-0af7651916cd43dd8448eb211c80319c")
    (span,) = trace.data.spans
    assert (span.name, span.get_attribute("n"), len(span.links)) == ("from afar", -7, 1)
    assert (trace.info.request_time, trace.info.execution_duration, trace.info.tags["service.name"]) == (1000, 1500, "mill")
    client.delete_traces(experiment, trace_ids=[trace.info.trace_id])


def test_otlp_as_json(tracking, experiment, client):
    id = "5b8efff798038103d269b633813fc60c"
    value = {"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": [{"intValue": "9"}, {"boolValue": True}, {}]}}}]}}
    span = {
        "traceId": id.upper(),
        "spanId": "eee19b7ec3c1b174",
        "name": "json",
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": "1544712661000000000",
        "attributes": [{"key": "x", "value": value}],
        "status": {"code": 2, "message": "bad"},
        "events": [{"timeUnixNano": "1544712660500000000", "name": "e", "attributes": [{"key": "k", "value": {"doubleValue": 0.5}}]}],
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    run = client.create_run(experiment).info.run_id
    answer = send(tracking, body, "application/json; charset=utf-8", experiment, **{"x-mlflow-run-id": run})
    assert (answer.status_code, answer.json()) == (200, {})
    trace = client.get_trace(f"tr-{id}")
    (got,) = trace.data.spans
    assert got.get_attribute("x") == {"a": [9, True, None]} and got.status.description == "bad"
    assert (got.events[0].timestamp, got.events[0].attributes) == (1544712660500000000, {"k": 0.5})
    assert trace.info.state == TraceState.ERROR and found(experiment, run_id=run) == [f"tr-{id}"]


def nested(levels):
    request = otlp()
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="deep").value
    for _ in range(levels):
        value = value.array_value.values.add()
    return request.SerializeToString()


def test_hostile_spans_cost_little(tracking):
    good = otlp().SerializeToString()
    short = otlp()
    short.resource_spans[0].scope_spans[0].spans[0].trace_id = b"\x01"
    bomb = gzip.compress(bytes(200 << 20))
    refused = [
        (good[:-3], {}),
        (b"\xff" * 100, {}),
        (b"", {}),
        (short.SerializeToString(), {}),
        (nested(90), {}),
        (good, {"content-encoding": "gzip"}),
        (good, {"content-encoding": "br"}),
        (bomb, {"content-encoding": "gzip"}),
        (good, {"type": "text/plain"}),
        (good, {"experiment": ""}),
        (good, {"experiment": "abc"}),
        (b"[]", {"type": "application/json"}),
        (b'{"resourceSpans": [1]}', {"type": "application/json"}),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 1}]}]}]}', {"type": "application/json"}),
        (b'{"a":' * 100_000, {"type": "application/json"}),
    ]
    for body, options in refused:
        answer = send(tracking, body, **options)
        assert answer.status_code == 400 and answer.json()["error_code"] == "INVALID_PARAMETER_VALUE", (body[:40], options, answer.text)
    assert send(tracking, good, experiment="987654").status_code == 404


def test_texts_that_are_not_texts_are_mended(tracking, experiment, client):
    body = otlp(trace="c" * 32, name="bad").SerializeToString().replace(b"bad", b"\xff\x00d")
    assert send(tracking, body, experiment=experiment).status_code == 200
    assert client.get_trace("tr-" + "c" * 32).data.spans[0].name == "\ufffd\ufffdd"


def test_the_clients_of_before(tracking, experiment):
    base = f"{tracking.url}/api/2.0/mlflow/traces"
    body = {"experiment_id": experiment, "timestamp_ms": 1000, "request_metadata": [{"key": "a", "value": "1"}], "tags": [{"key": "t", "value": "2"}]}
    started = requests.post(base, json=body).json()["trace_info"]
    assert (started["status"], started["timestamp_ms"]) == ("IN_PROGRESS", 1000)
    id = started["request_id"]
    ended = requests.patch(f"{base}/{id}", json={"request_id": id, "timestamp_ms": 1500, "status": "OK"}).json()["trace_info"]
    assert (ended["status"], ended["execution_time_ms"]) == ("OK", 500)
    assert requests.get(f"{base}/{id}/info").json()["trace_info"] == ended
    assert requests.get(base, params={"experiment_ids": [experiment]}).json()["traces"] == [ended]


def test_the_ui_reads_the_spans_as_a_file(tracking, experiment):
    id = traced()
    answer = requests.get(f"{tracking.url}/ajax-api/2.0/mlflow/get-trace-artifact", params={"request_id": id})
    assert "attachment" in answer.headers["content-disposition"]
    root, child = answer.json()["spans"]
    assert root["name"] == "answer" and json.loads(root["attributes"]["mlflow.spanInputs"]) == {"question": "what is a millrace?"}
    assert mlflow.entities.Span.from_dict(child).outputs == ["a", {"b": 1.5}]


def test_how_two_filters_go_together(client, experiment):
    traced("wheel")
    traced("water")
    result = client._tracing_client.store.calculate_trace_filter_correlation([experiment], "trace.text LIKE '%wheel%'", "span.name = 'ask'")
    assert (result.filter1_count, result.filter2_count, result.joint_count, result.total_count) == (1, 2, 1, 2)
    assert result.npmi == 0
