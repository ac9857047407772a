#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/suggest.h"
#include "base/thread_pool.h"
#include "base/time.h"

namespace millrace {
namespace {

Result<int> half(int n) {
  if (n % 2) return invalid_argument("{} is odd", n);
  return n / 2;
}
Result<int> quarter(int n) { return TRY(half(TRY(half(n)))); }

TEST(Result, TryReturnsTheErrorOfTheInnerCall) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().message, "3 is odd");
  EXPECT_EQ(quarter(6).error().code, Code::kInvalidArgument);
}

TEST(Time, ReadsAndWritesTheSameMoment) {
  struct Case {
    std::string name, text, written;
  };
  const Case cases[] = {{"date", "2001-03-01", "2001-03-01T00:00:00Z"},
                        {"minutes", "2001-03-01 06:05", "2001-03-01T06:05:00Z"},
                        {"fraction", "2001-03-01T06:05:04.25Z", "2001-03-01T06:05:04.250000Z"},
                        {"zone", "2001-03-01T06:05:04+02:00", "2001-03-01T04:05:04Z"},
                        {"before 1970", "1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"},
                        {"leap day", "2000-02-29", "2000-02-29T00:00:00Z"}};
  for (const auto& c : cases) EXPECT_EQ(format_time(MUST(parse_time(c.text))), c.written) << c.name;
  for (auto* bad : {"", "2001", "2001-13-01", "2001-02-29", "2001-03-01T25:00", "2001-03-01T06:00:00Zx", "-001-01-01"})
    EXPECT_FALSE(parse_time(bad)) << bad;
}

TEST(Time, ReadsAndWritesDurations) {
  for (auto* text : {"90s", "15m", "3h", "7d", "-56d", "1ms", "3us"})
    EXPECT_EQ(format_duration(MUST(parse_duration(text))), text);
  EXPECT_EQ(format_duration(MUST(parse_duration("2w"))), "14d");
  for (auto* bad : {"", "3", "h", "3 h", "--3h", "9999999999999999d"}) EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Hash, IsSha256) { EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); }

TEST(Hash, OfATreeDependsOnNamesAndContents) {
  TemporaryDirectory folder;
  MUST(make_directories(folder.path() / "a"));
  MUST(write_file(folder.path() / "a" / "x", "1"));
  auto before = MUST(sha256_tree(folder.path()));
  std::filesystem::rename(folder.path() / "a" / "x", folder.path() / "a" / "y");
  EXPECT_NE(MUST(sha256_tree(folder.path())), before);
}

TEST(Files, AreWrittenWholeOrNotAtAll) {
  TemporaryDirectory folder;
  MUST(write_file(folder.path() / "x", "hello"));
  EXPECT_EQ(MUST(read_file(folder.path() / "x")), "hello");
  EXPECT_EQ(read_file(folder.path() / "y").error().code, Code::kNotFound);
  EXPECT_FALSE(write_file(folder.path() / "missing" / "x", "hello"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Json, RefusesHostileTexts) {
  EXPECT_FALSE(parse_json(std::string(100'000, '[')));
  EXPECT_FALSE(parse_json("{\"a\": \"\xff\"}"));
  EXPECT_FALSE(parse_json("{} x"));
  EXPECT_EQ(dump_json(MUST(parse_json("{\"b\": 1, \"a\": [0.25]}"))), "{\"b\":1,\"a\":[0.25]}");
}

TEST(Suggest, NamesTheNearestCandidate) {
  std::vector<std::string> names{"origin", "destination", "delay"};
  EXPECT_EQ(did_you_mean("orgin", names), "; did you mean \"origin\"?");
  EXPECT_EQ(did_you_mean("zzzzzz", names), "");
}

TEST(Metrics, AreWrittenInPrometheusText) {
  metrics::Registry registry;
  registry.counter("a_total", "Things.", {{"kind", "x\"y"}}).add(3);
  auto& histogram = registry.histogram("b_seconds", "Waits.", {}, {0.1, 1});
  histogram.observe(0.05);
  histogram.observe(5);
  EXPECT_EQ(registry.exposition(),
            "# HELP a_total Things.\n# TYPE a_total counter\na_total{kind=\"x\\\"y\"} 3\n"
            "# HELP b_seconds Waits.\n# TYPE b_seconds histogram\nb_seconds_bucket{le=\"0.1\"} 1\n"
            "b_seconds_bucket{le=\"1\"} 1\nb_seconds_bucket{le=\"+Inf\"} 2\nb_seconds_sum 5.05\nb_seconds_count 2\n");
}

TEST(Ids, AreThirtyTwoHexadecimalDigitsAndDiffer) {
  RandomIds ids;
  auto a = ids.next();
  EXPECT_THAT(a, testing::MatchesRegex("[0-9a-f]{32}"));
  EXPECT_NE(a, ids.next());
  EXPECT_EQ(SeededIds(7).next(), SeededIds(7).next());
}

TEST(ThreadPool, FinishesWhatIsQueued) {
  std::atomic<int> done = 0;
  {
    ThreadPool pool(3);
    for (int i = 0; i < 100; ++i) pool.post([&] { ++done; });
  }
  EXPECT_EQ(done, 100);
}

TEST(Hmac, IsThatOfRfc4231) {
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_TRUE(same_secret("abc", "abc"));
  EXPECT_FALSE(same_secret("abc", "abd"));
  EXPECT_FALSE(same_secret("abc", "ab"));
}

}  // namespace
}  // namespace millrace
