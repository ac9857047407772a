#include "openlineage/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "openlineage/names.h"

namespace millrace::openlineage {
namespace {

Json run_event() {
  return Json::parse(R"({
    "eventType": "COMPLETE", "eventTime": "2026-01-31T12:00:00.5+01:00",
    "producer": "https://x.org/etl", "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
    "run": {"runId": "6F1ED002-ab59-4d31-8c4f-5a0b2b2b7d77",
            "facets": {"parent": {"run": {"runId": "0f1ed002-ab59-4d31-8c4f-5a0b2b2b7d77"},
                                  "job": {"namespace": "food", "name": "daily"}}}},
    "job": {"namespace": "food", "name": "orders", "facets": {"documentation": {"description": "Loads orders."}}},
    "inputs": [{"namespace": "s3://lake", "name": "orders.csv"}],
    "outputs": [{"namespace": "millrace", "name": "dataset:orders",
                 "facets": {"version": {"datasetVersion": "7"},
                            "schema": {"fields": [{"name": "at", "type": "timestamp"}]}}}]})");
}

TEST(ReadMessage, TakesWhatTheGraphNeeds) {
  const Message message = MUST(read_message(run_event()));
  EXPECT_EQ(message.kind, MessageKind::kRun);
  EXPECT_EQ(format_time(message.event_time), "2026-01-31T11:00:00.500000Z");
  EXPECT_EQ(message.run_id, "6f1ed002-ab59-4d31-8c4f-5a0b2b2b7d77");
  EXPECT_EQ(message.parent_run, "0f1ed002-ab59-4d31-8c4f-5a0b2b2b7d77");
  EXPECT_EQ(message.documentation, "Loads orders.");
  EXPECT_EQ(message.inputs.at(0).name, "orders.csv");
  EXPECT_EQ(message.outputs.at(0).version, "7");
  EXPECT_EQ(message.outputs.at(0).fields.size(), 1U);
}

TEST(ReadMessage, FaultsAreNamedWithTheirPlace) {
  struct Case {
    std::string pointer;
    Json value;  // discarded: the member is taken away
    std::string message;
  };
  const Json gone(nlohmann::detail::value_t::discarded);
  for (const auto& [pointer, value, message] : std::vector<Case>{
           {"/eventTime", gone, "eventTime is missing"},
           {"/eventTime", "yesterday",
            "eventTime \"yesterday\" is no ISO 8601 time with a zone, such as "
            "2026-01-31T12:00:00Z"},
           {"/eventTime", 7, "eventTime must be a string that is not empty"},
           {"/eventType", "DONE", "eventType DONE is none of START, RUNNING, COMPLETE, ABORT, FAIL, OTHER"},
           {"/producer", "", "producer must be a string that is not empty"},
           {"/schemaURL", gone, "schemaURL is missing"},
           {"/run/runId", "x", "run.runId \"x\" is no UUID"},
           {"/run", Json::array(), "run must be an object"},
           {"/job", gone, "job is missing"},
           {"/job/name", gone, "job.name is missing"},
           {"/job/facets", 3, "job.facets must be an object"},
           {"/inputs", "x", "inputs must be a list"},
           {"/inputs/0", 7, "inputs[0] must be an object"},
           {"/inputs/0/namespace", nullptr, "inputs[0].namespace must be a string that is not empty"},
           {"/inputs/0/name", std::string(3000, 'x'), "inputs[0].name has more than 2000 bytes"},
           {"/inputs", Json::array_t(1001, Json::object()), "inputs has more than 1000 datasets"},
           {"/outputs/0/facets/schema/fields", "x", "outputs[0].facets.schema.fields must be a list"},
           {"/outputs/0/facets/version", "x", "outputs[0].facets.version must be an object"}}) {
    Json event = run_event();
    const Json::json_pointer at(pointer);
    if (value.is_discarded())
      event[at.parent_pointer()].erase(at.back());
    else
      event[at] = value;
    const auto read = read_message(event);
    ASSERT_FALSE(read) << pointer;
    EXPECT_EQ(read.error().message, message);
  }
  EXPECT_FALSE(read_message(Json::array()));
  EXPECT_FALSE(
      read_message(Json::parse(R"({"eventTime": "2026-01-31T12:00:00Z", "producer": "x", "schemaURL": "y"})")));
}

TEST(ReadMessage, KnowsJobsAndDatasets) {
  Json event = run_event();
  event.erase("run");
  EXPECT_EQ(MUST(read_message(event)).kind, MessageKind::kJob);
  event.erase("job");
  event["dataset"] = {{"namespace", "n"}, {"name", "d"}};
  EXPECT_EQ(MUST(read_message(event)).dataset->name, "d");
}

TEST(UuidOf, IsAUuidWhateverTheId) {
  EXPECT_EQ(uuid_of("6f1ed002ab594d318c4f5a0b2b2b7d77"), "6f1ed002-ab59-4d31-8c4f-5a0b2b2b7d77");
  EXPECT_TRUE(is_uuid(uuid_of("step:x/train")));
  EXPECT_EQ(uuid_of("step:x/train"), uuid_of("step:x/train"));
  EXPECT_NE(uuid_of("step:x/train"), uuid_of("step:x/test"));
  EXPECT_EQ(uuid_of("step:x/train")[14], '8');
  EXPECT_FALSE(is_uuid("6f1ed002-ab59-4d31-8c4f-5a0b2b2b7d7"));
  EXPECT_FALSE(is_uuid("6f1ed002-ab59-4d31-8c4f_5a0b2b2b7d77"));
}

TEST(Names, NodesAndNamesBelongTogether) {
  EXPECT_EQ(job_node({"a#b", "c"}), "job:a%23b#c");
  EXPECT_NE(job_node({"a", "b#c"}), job_node({"a#b", "c"}));
  EXPECT_EQ(external_node({"s3://lake", "x/y.csv"}), "dataset:s3://lake#x/y.csv");
  const auto model = name_of({.id = "model:delays/3", .kind = "model"}, "millrace");
  EXPECT_EQ(model.name + "@" + model.version, "model:delays@3");
  const auto output = name_of({.id = "output:r1/train/model", .kind = "output", .name = "train.model"}, "millrace");
  EXPECT_EQ(output.name + "@" + output.version, "output:train.model@r1");
  const auto other = name_of(
      {.id = "dataset:s3://lake#x", .kind = "dataset", .name = "x", .data = {{"namespace", "s3://lake"}}}, "millrace");
  EXPECT_EQ(other.name_space + " " + other.name, "s3://lake x");
  EXPECT_EQ(name_of({.id = "run:r", .kind = "run"}, "millrace").name, "");
  EXPECT_EQ(own_name({"millrace", "dataset:flights"}, "millrace"), "dataset:flights");
  EXPECT_EQ(own_name({"other", "dataset:flights"}, "millrace"), "");
}

}  // namespace
}  // namespace millrace::openlineage
