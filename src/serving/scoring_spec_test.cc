#include "serving/scoring_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::serving {
namespace {

std::pair<ScoringSpec, Diagnostics> read(std::string_view text) {
  Diagnostics diagnostics;
  const auto documents = parse_yaml(text, "e.yaml", diagnostics);
  ObjectReader reader(documents.at(0), diagnostics, "Endpoint");
  auto spec = read_scoring(reader, diagnostics);
  reader.finish();
  return {spec, diagnostics};
}

TEST(ScoringSpec, IsRead) {
  const auto [spec, diagnostics] = read(R"(
python: {workers: 2, environment: /opt/venv, memory: 1GiB, timeout: 5s}
batching: {max_size: 64, max_delay: 2ms}
concurrency: 4
queue: 10
)");
  EXPECT_TRUE(diagnostics.empty());
  EXPECT_EQ(spec.python, (PythonOptions{2, "/opt/venv", std::int64_t{1} << 30, std::chrono::seconds(5)}));
  EXPECT_EQ(spec.batching, (BatchWish{64, std::chrono::milliseconds(2)}));
  EXPECT_EQ(spec.lanes(), 4);
  EXPECT_EQ(spec.queue, 10);
}

TEST(ScoringSpec, HasDefaults) {
  const auto [spec, diagnostics] = read("python: {workers: 3}");
  EXPECT_TRUE(diagnostics.empty());
  EXPECT_EQ(spec.python.timeout, std::chrono::seconds(60));
  EXPECT_EQ(spec.batching, BatchWish{});
  EXPECT_EQ(spec.lanes(), 3);
  EXPECT_EQ(spec.queue, 256);
}

TEST(ScoringSpec, FaultsAreNamed) {
  const struct {
    std::string_view text, fault;
  } cases[] = {
      {"python: {workers: 0}", "e.yaml:1:19: \"workers\" must be between 1 and 64"},
      {"python: {worker: 1}", "e.yaml:1:10: \"python\" has no key \"worker\"; did you mean \"workers\"?"},
      {"python: {environment: venv}",
       "e.yaml:1:23: \"environment\" must be the absolute path of a virtual environment"},
      {"python: {memory: 1Gib}", "e.yaml:1:18: \"memory\": \"1Gib\" is no size; write it like 512MiB or 1GiB"},
      {"python: {memory: 1MiB}", "e.yaml:1:18: \"memory\" must be at least 64 MiB"},
      {"python: {timeout: 0s}", "e.yaml:1:19: \"timeout\" must be between 1ms and 1d"},
      {"batching: {max_size: 100000}", "e.yaml:1:22: \"max_size\" must be between 1 and 65536"},
      {"batching: {max_delay: 1m}", "e.yaml:1:23: \"max_delay\" must be between 0s and 10s"},
      {"queue: -1", "e.yaml:1:8: \"queue\" must be between 1 and 100000"},
  };
  for (const auto& c : cases) {
    const auto [spec, diagnostics] = read(c.text);
    ASSERT_EQ(diagnostics.list.size(), 1) << c.text;
    EXPECT_EQ(format_diagnostic(diagnostics.list[0]), c.fault);
  }
}

}  // namespace
}  // namespace millrace::serving
