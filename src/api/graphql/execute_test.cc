#include "api/graphql/execute.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/graphql/document.h"

namespace millrace::api::graphql {
namespace {

using ::testing::HasSubstr;

// One run, whatever was asked for; the body that came is its name.
Result<Json> call(std::string_view, std::string_view path, const Json& body) {
  if (path.ends_with("experiments/get")) return MUST(parse_json(R"({"experiment":{"name":"e","creation_time":5}})"));
  if (path.ends_with("model-versions/search")) return MUST(parse_json(R"({"model_versions":[{"version":"3"}]})"));
  if (body.value("run_id", body.value("runId", "")) == "none") return not_found("Run with id=none not found");
  Json answer = MUST(parse_json(
      R"({"run":{"info":{"run_id":"r","experiment_id":"0","start_time":1795290637418},"data":{"metrics":[
          {"key":"a","value":"NaN","step":1},{"key":"b","value":0.5,"step":2}]}}})"));
  answer["run"]["info"]["run_name"] = dump_json(body);
  return answer;
}

std::string asked(const std::string& query, const std::string& variables = "{}") {
  return dump_json(execute({{"query", query}, {"variables", MUST(parse_json(variables))}}, call));
}

TEST(GraphQl, AnswersWhatIsAskedFor) {
  struct Case {
    const char* name;
    std::string query;
    std::string answer;
  };
  const Case cases[] = {
      {"the type", "{__typename}", R"({"data":{"__typename":"Query"},"errors":null})"},
      {"a text for a long number", "{mlflowGetRun(input: {runId: \"r\"}) {run {info {startTime endTime}}}}",
       R"({"data":{"mlflowGetRun":{"run":{"info":{"startTime":"1795290637418","endTime":null}}}},"errors":null})"},
      {"NaN is null", "query Q { mlflowGetRun { run { data { metrics { key value } params { key } } } } }",
       R"({"data":{"mlflowGetRun":{"run":{"data":{"metrics":[{"key":"a","value":null},{"key":"b","value":0.5}],"params":[]}}}},"errors":null})"},
      {"aliases", "{x: mlflowGetRun {r: run {info {id: runId}}}}",
       R"({"data":{"x":{"r":{"info":{"id":"r"}}}},"errors":null})"},
      {"fragments",
       "{mlflowGetRun {run {...I ... on MlflowRunExtension {info {experimentId}}}}} fragment I on MlflowRunExtension "
       "{info {runId __typename}}",
       R"({"data":{"mlflowGetRun":{"run":{"info":{"runId":"r","__typename":"MlflowRunInfo","experimentId":"0"}}}},"errors":null})"},
      {"what a run is in", "{mlflowGetRun {run {experiment {name creationTime} modelVersions {version aliases}}}}",
       R"({"data":{"mlflowGetRun":{"run":{"experiment":{"name":"e","creationTime":"5"},"modelVersions":[{"version":"3","aliases":[]}]}}},"errors":null})"},
      {"no error of the API", "{mlflowGetRun {apiError {code}}}",
       R"({"data":{"mlflowGetRun":{"apiError":null}},"errors":null})"},
      {"a directive", "query @component(name: \"x\") {__typename}", R"({"data":{"__typename":"Query"},"errors":null})"},
      {"an error", "{mlflowGetRun(input: {runId: \"none\"}) {run {info {runId}}} __typename}",
       R"({"data":{"mlflowGetRun":null,"__typename":"Query"},"errors":["Run with id=none not found"]})"},
  };
  for (const Case& c : cases) EXPECT_EQ(asked(c.query), c.answer) << c.name;
}

TEST(GraphQl, VariablesGoToTheRequest) {
  const std::string query =
      "query Q($input: MlflowGetRunInput!, $n: [Int!] = [1, 2]) "
      "{a: mlflowGetRun(input: $input) {run {info {runName}}} b: mlflowGetRun(input: {n: $n, e: ALL}) {run {info "
      "{runName}}}}";
  const Json answer = MUST(parse_json(asked(query, R"({"input":{"runId":"r"}})")));
  EXPECT_EQ(answer["data"]["a"]["run"]["info"]["runName"], R"({"runId":"r"})");
  EXPECT_EQ(answer["data"]["b"]["run"]["info"]["runName"], R"({"n":[1,2],"e":"ALL"})");
}

TEST(GraphQl, WhatIsWrongIsSaid) {
  std::string aliases;
  for (int i = 0; i < 11; ++i) aliases += fmt::format("a{}: __typename ", i);
  std::string deep = "runId";
  for (int i = 0; i < 12; ++i) deep = "info {" + deep + "}";
  std::string nested;
  for (int i = 0; i < 1000; ++i) nested += "a{";
  const std::pair<std::string, const char*> cases[] = {
      {"", "Syntax Error: Unexpected <EOF>."},
      {"{", "Syntax Error: Unexpected <EOF>."},
      {"{}", "Syntax Error: Unexpected '}'."},
      {"subscription {a}", "Unexpected Name 'subscription'"},
      {"{a(b: \"x)}", "Unterminated string"},
      {"{a ?}", "Unexpected character"},
      {"{a(b: 1x)}", "Invalid number '1x'"},
      {"{nothing}", "Cannot query field 'nothing' on type 'Query'."},
      {"mutation {mlflowGetRun {run}}", "Cannot query field 'mlflowGetRun' on type 'Mutation'."},
      {"{mlflowGetRun {run {color}}}", "Cannot query field 'color' on type 'MlflowRunExtension'."},
      {"{mlflowGetRun}", "must have a selection of subfields"},
      {"{mlflowGetRun {run {info {runId {x}}}}}", "must not have a selection"},
      {"{mlflowGetRun {apiError {x}}}", "Cannot query field 'x' on type 'ApiError'."},
      {"{...F}", "Unknown fragment 'F'."},
      {"{...F} fragment F on Query {...F}", "uses itself"},
      {"query A {__typename} query B {__typename}", "Must provide operation name"},
      {"{" + aliases + "}", "at most 10 root fields, got 11 root fields."},
      {"{mlflowGetRun {" + aliases + "}}", "at most 10 aliases, got 11 aliases."},
      {"{" + deep + "}", "Query exceeds maximum depth of 10"},
      {"{" + nested, "nested more than"},
      {"{a(b: " + std::string(1000, '[') + ")}", "nested more than"},
      {std::string(200'000, ' '), "more than 100000 bytes"},
  };
  for (const auto& [query, message] : cases) EXPECT_THAT(asked(query), HasSubstr(message)) << query.substr(0, 60);
}

TEST(GraphQl, FragmentsThatGrowAreStopped) {
  std::string query = "{mlflowGetRun {run {...F0}}}";
  for (int i = 0; i < 25; ++i) {
    query += fmt::format(" fragment F{} on MlflowRunExtension {{...F{} ...F{}}}", i, i + 1, i + 1);
  }
  query += " fragment F25 on MlflowRunExtension {info {runId}}";
  EXPECT_THAT(asked(query), HasSubstr("maximum total selections"));
}

}  // namespace
}  // namespace millrace::api::graphql
