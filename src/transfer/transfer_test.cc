#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "transfer/carry.h"
#include "transfer/compare.h"
#include "transfer/local_files.h"
#include "transfer/mlflow_text.h"
#include "transfer/span_json.h"
#include "transfer/sync.h"
#include "transfer/wire.h"

namespace millrace::transfer {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct UriCase {
  std::string name, uri;
  std::optional<fs::path> folder;
};

TEST(LocalFolder, IsWhatAnArtifactUriNamesOnThisMachine) {
  const UriCase cases[] = {
      {"a path", "/a/mlruns/1/r/artifacts", "/a/mlruns/1/r/artifacts"},
      {"a relative path", "./mlruns/1", "/base/./mlruns/1"},
      {"a file", "file:///a/b%20c", "/a/b c"},
      {"a short file", "file:/a", "/a"},
      {"below the root", "mlflow-artifacts:/1/r/artifacts", "/root/1/r/artifacts"},
      {"of a server by name", "mlflow-artifacts://host:80/1/r", "/root/1/r"},
      {"climbing", "mlflow-artifacts:/1/../../etc", std::nullopt},
      {"climbing in code", "mlflow-artifacts:/1/%2e%2e/etc", std::nullopt},
      {"a bucket", "s3://b/k", std::nullopt},
      {"a database", "dbfs:/x", std::nullopt},
      {"nothing", "", std::nullopt},
  };
  for (const auto& c : cases) EXPECT_EQ(local_folder(c.uri, "/base", "/root"), c.folder) << c.name;
  EXPECT_EQ(local_folder("mlflow-artifacts:/1", "/base", ""), std::nullopt);
}

TEST(FilesBelow, FollowsNoLinks) {
  const TemporaryDirectory folder;
  fs::create_directories(folder.path() / "b/c");
  MUST(write_file(folder.path() / "b/c/2", "two"));
  MUST(write_file(folder.path() / "1", "x"));
  fs::create_symlink("/etc/passwd", folder.path() / "link");
  fs::create_directory_symlink("/etc", folder.path() / "folder");
  const auto files = MUST(files_below(folder.path()));
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].path, "1");
  EXPECT_EQ(files[1].path, "b/c/2");
  EXPECT_EQ(files[1].size, 3U);
  EXPECT_TRUE(MUST(files_below(folder.path() / "none")).empty());
}

TEST(Span, IsReadFromBothOfMlflowsFormats) {
  const auto now = MUST(parse_json(R"({"span_id": "y7GnvPph6v0=", "parent_span_id": "U3mX4UcqMhU=", "name": "inner",
    "start_time_unix_nano": 5, "end_time_unix_nano": 7, "status": {"code": "STATUS_CODE_OK", "message": ""},
    "attributes": {"mlflow.spanInputs": "{\"q\": 1}", "plain": "no json"}, "events": [], "links": []})"));
  const auto span = MUST(read_span(now, "tr-1"));
  EXPECT_EQ(span.id, "cbb1a7bcfa61eafd");
  EXPECT_EQ(span.parent_id, "537997e1472a3215");
  EXPECT_EQ(span.status, tracking::SpanStatus::kOk);
  EXPECT_EQ(*span.find("mlflow.spanInputs"), R"({"q":1})");
  EXPECT_EQ(*span.find("plain"), R"("no json")");
  const auto then = MUST(parse_json(R"({"name": "old", "context": {"span_id": "0x00000000000000ff", "trace_id": "0x1"},
    "parent_id": null, "start_time": 1, "end_time": 2, "status_code": "ERROR", "status_message": "no",
    "attributes": {}, "events": [{"name": "e", "timestamp": 3, "attributes": {"a": 1}}]})"));
  const auto old = MUST(read_span(then, "tr-1"));
  EXPECT_EQ(old.id, "00000000000000ff");
  EXPECT_TRUE(old.is_root());
  EXPECT_EQ(old.status, tracking::SpanStatus::kError);
  EXPECT_EQ(old.events, R"([{"name":"e","attributes":{"a":1},"time_unix_nano":3}])");
  EXPECT_FALSE(read_span(Json::array(), "tr-1"));
  EXPECT_FALSE(read_span(Json::object(), "tr-1"));
}

TEST(Text, IsReadAsMlflowWritesIt) {
  EXPECT_EQ(compact(std::string(R"({"a": [1, 2]})")), R"({"a":[1,2]})");
  EXPECT_EQ(compact(std::string("no json")), "no json");
  EXPECT_EQ(compact(std::optional<std::string>("null")), std::nullopt);
  EXPECT_EQ(unwrapped(R"({"mlflow_wrapped": "text"})"), R"("text")");
  EXPECT_EQ(unwrapped(std::nullopt), std::nullopt);
  EXPECT_EQ(model_id_of("models:/m-1"), "m-1");
  EXPECT_EQ(model_id_of("models:/name/1"), "");
  EXPECT_EQ(run_status(3), tracking::RunStatus::kFinished);
  EXPECT_EQ(run_status(99), tracking::RunStatus::kRunning);
  EXPECT_EQ(model_status(-1), tracking::ModelStatus::kUnspecified);
}

TEST(Wire, BringsBackWhatItWrote) {
  tracking::Run run{.id = "r", .experiment_id = "1", .status = tracking::RunStatus::kFailed, .start_time = {1'234'567}};
  run.end_time = Timestamp{2'000'000};
  run.params = {{"a", "1"}};
  run.inputs = {{.dataset = {.name = "d", .digest = "x", .schema = "{}"}, .tags = {{"k", "v"}}}};
  run.model_outputs = {{"m-1", 3}};
  tracking::Run back;
  MUST(from_json(to_json(run), back));
  EXPECT_EQ(dump_json(to_json(back)), dump_json(to_json(run)));
  EXPECT_EQ(back.end_time->us, 2'000'000);
  EXPECT_FALSE(to_json(run).contains("tags"));
}

struct WireCase {
  std::string name, json, told;
};

TEST(Wire, SaysWhereItIsWrong) {
  const WireCase cases[] = {
      {"no object", "[]", "the record must be an object"},
      {"an unknown member", R"({"nam": "x"})", "unknown member \"nam\""},
      {"a number for a text", R"({"tags": [{"key": 1}]})", "tags[0].key must be a text"},
      {"a time that is none", R"({"start_time": "soon"})", "start_time must be a time"},
      {"a time that is a number", R"({"start_time": 1})", "start_time must be a time"},
      {"a status that is none", R"({"status": "DONE"})", "status must be one of"},
      {"a step beyond", R"({"model_outputs": [{"step": 9223372036854775808}]})", "model_outputs[0].step must be"},
  };
  for (const auto& c : cases) {
    tracking::Run run;
    const auto read = from_json(MUST(parse_json(c.json)), run);
    ASSERT_FALSE(read) << c.name;
    EXPECT_THAT(read.error().message, HasSubstr(c.told)) << c.name;
  }
}

TEST(Wire, PointsAreColumns) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<tracking::Metric> points = {{.key = "m", .value = nan, .timestamp = {5}, .step = -1},
                                                {.key = "m", .value = 0.1, .timestamp = {6}, .step = 2}};
  const std::string text = dump_json(to_json(std::vector{to_series("m", points)}));
  EXPECT_EQ(text, R"([{"key":"m","timestamps":[5,6],"steps":[-1,2],"values":[null,0.1]}])");
  std::vector<Series> series;
  MUST(from_json(MUST(parse_json(text)), series));
  const auto back = MUST(to_points(series));
  ASSERT_EQ(back.size(), 2U);
  EXPECT_TRUE(back[0].value != back[0].value);
  EXPECT_EQ(back[1].value, 0.1);
  series[0].steps.pop_back();
  EXPECT_FALSE(to_points(series));
}

TEST(Tally, KnowsNoOrderButEveryRow) {
  Tally one;
  Tally other;
  for (const char* row : {"a", "b", "b"}) one.add(row);
  for (const char* row : {"b", "a", "b"}) other.add(row);
  EXPECT_EQ(one, other);
  EXPECT_EQ(one.hash().size(), 64U);
  other.add("b");
  EXPECT_NE(one, other);
}

TEST(Waiting, DoublesUpToItsMost) {
  const SyncOptions options;
  EXPECT_EQ(wait_before(1, options), std::chrono::seconds(1));
  EXPECT_EQ(wait_before(3, options), std::chrono::seconds(4));
  EXPECT_EQ(wait_before(6, options), std::chrono::seconds(30));
  EXPECT_EQ(wait_before(1'000'000, options), std::chrono::seconds(30));
}

TEST(VersionKey, TellsVersionsApart) {
  const registry::ModelVersion one{.model = "m", .version = 1, .source = "runs:/r/m", .creation_time = {1}};
  registry::ModelVersion again = one;
  again.description = "changed";
  EXPECT_EQ(Carrier::version_key(one), Carrier::version_key(again));
  again.creation_time.us = 2;
  EXPECT_NE(Carrier::version_key(one), Carrier::version_key(again));
}

}  // namespace
}  // namespace millrace::transfer
