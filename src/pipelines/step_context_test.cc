#include "pipelines/step_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::pipelines {
namespace {

using testing::HasSubstr;

StepContext example() {
  return {.server = "http://127.0.0.1:8080",
          .project = "flights",
          .pipeline = "retrain",
          .pipeline_run_id = "abc",
          .step = "train",
          .attempt = 2,
          .event_time = MUST(parse_time("2001-03-01")),
          .params = {{"weeks", "4"}, {"name", "\"x y\""}, {"grid", "[1,2]"}},
          .inputs = {{"training-set",
                      {.ref = "features.training_set",
                       .kind = "output",
                       .uri = "artifacts:p/q",
                       .path = "/h/p/q",
                       .hash = "00ff",
                       .artifact = "output:r/s/o"}},
                     {"flights",
                      {.ref = "dataset:flights", .kind = "dataset", .uri = "dataset:flights/3", .version = "3"}}},
          .outputs = {{"model", "/work/model"}},
          .result = "/work/result.json"};
}

TEST(StepContext, ReadsBack) {
  const std::string text = step_context_text(example());
  const StepContext back = MUST(parse_step_context(text));
  EXPECT_EQ(step_context_text(back), text);
  EXPECT_EQ(back.attempt, 2);
  EXPECT_EQ(back.inputs.at("training-set").hash, "00ff");
  EXPECT_EQ(back.params.at("name"), "\"x y\"");
  EXPECT_EQ(back.event_time, example().event_time);
}

TEST(StepContext, GivesACommandItsVariables) {
  const auto env = step_environment(example());
  EXPECT_EQ(env.at("MILLRACE_INPUT_TRAINING_SET"), "/h/p/q");
  EXPECT_EQ(env.at("MILLRACE_INPUT_FLIGHTS"), "dataset:flights/3");
  EXPECT_EQ(env.at("MILLRACE_OUTPUT_MODEL"), "/work/model");
  EXPECT_EQ(env.at("MILLRACE_PARAM_WEEKS"), "4");
  EXPECT_EQ(env.at("MILLRACE_PARAM_NAME"), "x y");
  EXPECT_EQ(env.at("MILLRACE_PARAM_GRID"), "[1,2]");
}

TEST(StepContext, RefusesWhatIsNone) {
  for (const char* text :
       {"", "[]", "{}", R"({"protocol":2})", R"({"protocol":"1"})", R"({"protocol":1,"event_time":"2001-03-01"})",
        R"({"protocol":1,"event_time":"2001-03-01","params":{},"inputs":{"a":1},"outputs":{}})"}) {
    EXPECT_FALSE(parse_step_context(text)) << text;
  }
  EXPECT_THAT(parse_step_context(R"({"protocol":2})").error().message, HasSubstr("protocol 1"));
}

}  // namespace
}  // namespace millrace::pipelines
