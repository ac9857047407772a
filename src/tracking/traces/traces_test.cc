#include "tracking/traces/traces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "db/db.h"
#include "db/testing.h"
#include "events/events.h"
#include "lineage/lineage.h"
#include "tracking/tracking.h"

namespace millrace::tracking {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kMs = 1'000'000;  // nanoseconds

class TracesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database = db::open_for_test(home.path());
    lineage = MUST(lineage::Store::open(*database));
    events = MUST(events::Log::open(*database));
    store = MUST(Store::open({*database, *lineage, *events, clock, ids}));
    traces = MUST(Traces::open({*database, clock}));
  }

  // A root of 100 ms with one child that failed.
  std::vector<Span> two_spans(const std::string& trace) {
    return {{.trace_id = trace,
             .id = "00000000000000a1",
             .name = "answer",
             .start_ns = 1000 * kMs,
             .end_ns = 1100 * kMs,
             .status = SpanStatus::kOk,
             .attributes = {{"mlflow.spanInputs", R"({"question":"what is a millrace?"})"},
                            {"mlflow.spanOutputs", R"("a channel")"},
                            {"mlflow.spanType", R"("CHAIN")"}}},
            {.trace_id = trace,
             .id = "00000000000000b2",
             .parent_id = "00000000000000a1",
             .name = "ask",
             .start_ns = 1010 * kMs,
             .end_ns = 1020 * kMs,
             .status = SpanStatus::kError,
             .status_message = "no route to host",
             .attributes = {{"mlflow.spanType", R"("LLM")"},
                            {"model", R"("gpt")"},
                            {"temperature", "0.5"},
                            {"mlflow.chat.tokenUsage", R"({"input_tokens":3,"output_tokens":4})"}},
             .events = R"([{"name":"exception"}])"}};
  }
  void log(const std::string& trace) { MUST(traces->log_spans({{.experiment_id = "0", .spans = two_spans(trace)}})); }
  TraceInfo info(const std::string& id, std::int64_t ms) {
    return {.id = id, .experiment_id = "0", .request_time = {ms * 1000}, .execution_ms = 5, .state = TraceState::kOk};
  }
  std::vector<std::string> found(const std::string& filter, std::vector<std::string> order_by = {}) {
    std::vector<std::string> found;
    for (const auto& trace :
         MUST(traces->search({.experiment_ids = {"0"}, .filter = filter, .order_by = std::move(order_by)})).items) {
      found.push_back(trace.id);
    }
    return found;
  }
  static std::string value(const std::vector<Tag>& tags, std::string_view key) {
    for (const Tag& tag : tags) {
      if (tag.key == key) return tag.value;
    }
    return "none";
  }

  TemporaryDirectory home;
  ManualClock clock{Timestamp{1'000'000}};
  SeededIds ids;
  std::unique_ptr<db::Database> database;
  std::unique_ptr<lineage::Store> lineage;
  std::unique_ptr<events::Log> events;
  std::unique_ptr<Store> store;
  std::unique_ptr<Traces> traces;
};

TEST_F(TracesTest, ATraceIsMadeOfItsSpans) {
  log("tr-1");
  const TraceInfo trace = MUST(traces->find("tr-1"));
  EXPECT_EQ(trace.experiment_id, "0");
  EXPECT_EQ(trace.request_time, Timestamp{1'000'000});
  EXPECT_EQ(trace.execution_ms, 100);
  EXPECT_EQ(trace.state, TraceState::kOk);
  EXPECT_EQ(trace.request_preview, R"({"question":"what is a millrace?"})");
  EXPECT_EQ(trace.response_preview, R"("a channel")");
  EXPECT_EQ(value(trace.metadata, trace_key::kTokenUsage), R"({"input_tokens":3,"output_tokens":4})");
  EXPECT_EQ(value(trace.tags, trace_key::kSpansLocation), "TRACKING_STORE");
  EXPECT_EQ(value(trace.tags, trace_key::kArtifactLocation), "mlflow-artifacts:/0/traces/tr-1/artifacts");
}

TEST_F(TracesTest, SpansComeBackAsTheyWere) {
  log("tr-1");
  const auto trace = MUST(traces->with_spans({MUST(traces->find("tr-1"))})).front();
  ASSERT_EQ(trace.spans.size(), 2);
  const Span& child = trace.spans[1];
  EXPECT_EQ(trace.spans[0].name, "answer");
  EXPECT_EQ(child.parent_id, "00000000000000a1");
  EXPECT_EQ(child.status, SpanStatus::kError);
  EXPECT_EQ(child.status_message, "no route to host");
  EXPECT_EQ(child.events, R"([{"name":"exception"}])");
  EXPECT_EQ(*child.find("model"), R"("gpt")");
  EXPECT_EQ(*child.find("temperature"), "0.5");
  EXPECT_TRUE(is_complete(trace));
}

TEST_F(TracesTest, SpansThatComeOneByOneMakeTheSameTrace) {
  auto spans = two_spans("tr-1");
  MUST(traces->log_spans({{.experiment_id = "0", .spans = {spans[1]}}}));
  EXPECT_EQ(MUST(traces->find("tr-1")).state, TraceState::kInProgress);
  EXPECT_EQ(MUST(traces->find("tr-1")).execution_ms, 10);
  MUST(traces->log_spans({{.experiment_id = "0", .spans = {spans[0]}}}));
  MUST(traces->log_spans({{.experiment_id = "0", .spans = {spans[0]}}}));
  const TraceInfo trace = MUST(traces->find("tr-1"));
  EXPECT_EQ(trace.state, TraceState::kOk);
  EXPECT_EQ(trace.request_time, Timestamp{1'000'000});
  EXPECT_EQ(trace.execution_ms, 100);
  EXPECT_EQ(MUST(traces->with_spans({trace})).front().spans.size(), 2);
}

TEST_F(TracesTest, WhatTheClientSaysAboutATraceStands) {
  TraceInfo told = info("tr-1", 7000);
  told.client_request_id = "c-1";
  told.metadata = {{std::string(trace_key::kTokenUsage), "{}"}, {"k", "v"}};
  told.tags = {{std::string(trace_key::kName), "mine"}};
  MUST(traces->start(told));
  log("tr-1");
  const TraceInfo trace = MUST(traces->find("tr-1"));
  EXPECT_EQ(trace.request_time, Timestamp{7'000'000});
  EXPECT_EQ(trace.execution_ms, 5);
  EXPECT_EQ(trace.client_request_id, "c-1");
  EXPECT_EQ(value(trace.metadata, trace_key::kTokenUsage), "{}");
  EXPECT_THAT(trace.request_preview.value_or(""), HasSubstr("millrace"));
  EXPECT_THAT(found("name = 'mine'"), ElementsAre("tr-1"));
}

TEST_F(TracesTest, ATraceOfADeletedExperimentIsRefused) {
  MUST(store->delete_experiment("0"));
  EXPECT_EQ(traces->start(info("tr-1", 1)).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(traces->start({.id = "tr-1", .experiment_id = "99"}).error().message, "No Experiment with id=99 exists");
  EXPECT_EQ(traces->find("tr-1").error().message, "Trace with ID 'tr-1' not found.");
}

TEST_F(TracesTest, TagsOfATraceChangeButForWhereItsDataAre) {
  MUST(traces->start(info("tr-1", 1)));
  MUST(traces->set_tag("tr-1", {"team", "ops"}));
  EXPECT_EQ(value(MUST(traces->find("tr-1")).tags, "team"), "ops");
  MUST(traces->delete_tag("tr-1", "team"));
  EXPECT_EQ(traces->delete_tag("tr-1", "team").error().message,
            "No trace tag with key 'team' for trace with ID 'tr-1'");
  EXPECT_EQ(traces->set_tag("tr-1", {std::string(trace_key::kSpansLocation), "x"}).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(traces->set_tag("tr-2", {"a", "b"}).error().code, Code::kNotFound);
}

TEST_F(TracesTest, TracesAreFoundByAllThatTheyHave) {
  log("tr-1");
  TraceInfo other = info("tr-2", 9000);
  other.state = TraceState::kError;
  other.metadata = {{"mlflow.sourceRun", "r1"}};
  other.tags = {{"team", "ops"}};
  MUST(traces->start(other));
  MUST(traces->link_prompts("tr-2", {{"greeting", "3"}}));
  EXPECT_THAT(found(""), ElementsAre("tr-2", "tr-1"));
  EXPECT_THAT(found("", {"timestamp_ms ASC"}), ElementsAre("tr-1", "tr-2"));
  const std::pair<std::string, std::string> cases[] = {
      {"status = 'ERROR'", "tr-2"},
      {"trace.timestamp > 8000", "tr-2"},
      {"execution_time >= 100", "tr-1"},
      {"end_time = 1100", "tr-1"},
      {"tags.team = 'ops'", "tr-2"},
      {"run_id = 'r1'", "tr-2"},
      {"metadata.`mlflow.sourceRun` = 'r1'", "tr-2"},
      {"prompt = 'greeting/3'", "tr-2"},
      {"span.name = 'ask'", "tr-1"},
      {"span.type IN ('LLM', 'TOOL')", "tr-1"},
      {"span.status = 'ERROR'", "tr-1"},
      {"span.attributes.model = 'gpt'", "tr-1"},
      {"span.attributes.temperature = '0.5'", "tr-1"},
      {"span.attributes.model RLIKE '^g.t$'", "tr-1"},
      {"trace.text ILIKE '%WHAT IS A MILLRACE%'", "tr-1"},
      {"span.content LIKE '%no route%'", "tr-1"},
      {"NOT span.name = 'ask'", "tr-2"},
  };
  for (const auto& [filter, id] : cases) EXPECT_THAT(found(filter), ElementsAre(id)) << filter;
  EXPECT_THAT(traces->search({.experiment_ids = {"0"}, .filter = "span.nothing = 'x'"}).error().message,
              HasSubstr("Invalid span key 'nothing'"));
}

TEST_F(TracesTest, TracesAreFoundByWhatIsSaidAboutThem) {
  MUST(traces->start(info("tr-1", 1)));
  Assessments assessments(*database, clock, ids);
  const auto say = [&](AssessmentKind kind, std::string name, std::string value) {
    return MUST(
        assessments.create({.trace_id = "tr-1", .name = std::move(name), .kind = kind, .value = std::move(value)}));
  };
  say(AssessmentKind::kFeedback, "good", "true");
  say(AssessmentKind::kFeedback, "score", "0.75");
  say(AssessmentKind::kExpectation, "answer", R"("a channel")");
  for (const char* filter :
       {"feedback.good = 'true'", "feedback.score > 0.5", "feedback.score = 0.75", "expectation.answer LIKE 'a%'",
        "feedback.good IS NOT NULL", "feedback.answer IS NULL", "feedback.score < 0.5 OR feedback.score LIKE '0.7%'"}) {
    EXPECT_THAT(found(filter), ElementsAre("tr-1")) << filter;
  }
  EXPECT_THAT(found("feedback.score < 0.5"), IsEmpty());
  EXPECT_THAT(found("expectation.good = 'true'"), IsEmpty());
}

TEST_F(TracesTest, AnAssessmentOverridesAnother) {
  MUST(traces->start(info("tr-1", 1)));
  Assessments assessments(*database, clock, ids);
  const auto first = MUST(assessments.create({.trace_id = "tr-1", .name = "good", .value = "false"}));
  const auto second =
      MUST(assessments.create({.trace_id = "tr-1", .name = "good", .value = "true", .overrides = first.id}));
  EXPECT_FALSE(MUST(assessments.find("tr-1", first.id)).valid);
  EXPECT_THAT(found("feedback.good = 'false'"), IsEmpty());
  MUST(assessments.remove("tr-1", second.id));
  EXPECT_TRUE(MUST(assessments.find("tr-1", first.id)).valid);
  EXPECT_THAT(assessments.find("tr-1", second.id).error().message, HasSubstr("not found for trace 'tr-1'"));
  EXPECT_EQ(assessments.create({.trace_id = "tr-1", .name = "x", .overrides = "a-0"}).error().code, Code::kNotFound);
  EXPECT_EQ(assessments.find("tr-9", "a").error().message, "Trace with request_id 'tr-9' not found");
}

TEST_F(TracesTest, AnAssessmentIsChangedInPart) {
  MUST(traces->start(info("tr-1", 1)));
  Assessments assessments(*database, clock, ids);
  const auto first = MUST(assessments.create({.trace_id = "tr-1",
                                              .name = "good",
                                              .value = "1",
                                              .error = AssessmentError{.code = "RATE_LIMIT"},
                                              .metadata = {{"a", "1"}, {"b", "1"}}}));
  const auto changed = MUST(assessments.update("tr-1", first.id, {.rationale = "why not", .metadata = {{"b", "2"}}}));
  EXPECT_EQ(changed.value, "1");
  EXPECT_EQ(changed.rationale, "why not");
  EXPECT_EQ(value(changed.metadata, "a") + value(changed.metadata, "b"), "12");
  EXPECT_EQ(MUST(assessments.find("tr-1", first.id)).error->code, "RATE_LIMIT");
  EXPECT_EQ(assessments.update("tr-1", first.id, {.kind = AssessmentKind::kExpectation}).error().message,
            "Cannot update expectation value on a Feedback assessment.");
}

TEST_F(TracesTest, TracesAreDeletedOldestFirst) {
  for (int i = 1; i <= 4; ++i) MUST(traces->start(info(fmt::format("tr-{}", i), i)));
  log("tr-5");
  EXPECT_EQ(MUST(traces->remove({.experiment_id = "0", .until = Timestamp{2'000}, .limit = 1})), 1);
  EXPECT_THAT(found("", {"timestamp"}), ElementsAre("tr-2", "tr-3", "tr-4", "tr-5"));
  EXPECT_EQ(MUST(traces->remove({.experiment_id = "1", .ids = {"tr-3"}})), 0);
  EXPECT_EQ(MUST(traces->remove({.experiment_id = "0", .ids = {"tr-3", "tr-5", "tr-9"}})), 2);
  EXPECT_EQ(MUST(database->query<std::int64_t>("select count(*) from span_attributes")).front(), 0);
}

TEST_F(TracesTest, TracesAreLinkedToARun) {
  const std::string run = MUST(store->create_run({.experiment_id = "0"})).id;
  MUST(traces->start(info("tr-1", 1)));
  MUST(traces->link_to_run({"tr-1", "tr-9"}, run));
  MUST(traces->link_to_run({"tr-1"}, run));
  EXPECT_THAT(found(fmt::format("run_id = '{}'", run)), ElementsAre("tr-1"));
  EXPECT_EQ(traces->link_to_run({"tr-1"}, "none").error().code, Code::kNotFound);
  EXPECT_THAT(traces->link_to_run(std::vector<std::string>(101, "x"), run).error().message,
              HasSubstr("more than 100 traces"));
}

TEST_F(TracesTest, PagesOfTracesFollowEachOther) {
  for (int i = 1; i <= 5; ++i) MUST(traces->start(info(fmt::format("tr-{}", i), i)));
  const auto first = MUST(traces->search({.experiment_ids = {"0"}, .max_results = 3}));
  const auto second = MUST(traces->search({.experiment_ids = {"0"}, .max_results = 3, .page_token = first.next}));
  EXPECT_EQ(first.items.size() + second.items.size(), 5);
  EXPECT_EQ(second.items.back().id, "tr-1");
  EXPECT_EQ(second.next, "");
  EXPECT_EQ(MUST(traces->count({.experiment_ids = {"0"}})), 5);
  EXPECT_THAT(MUST(traces->search({})).items, IsEmpty());
}

}  // namespace
}  // namespace millrace::tracking
