#include "pipelines/cache_key.h"

#include <gtest/gtest.h>

#include <set>

namespace millrace::pipelines {
namespace {

TEST(CacheKey, EveryPartCounts) {
  const CacheKeyParts base{.code = "c", .inputs = {{"a", "1"}}, .params = {{"p", "2"}}, .event_time = "t"};
  std::set<std::string> keys = {cache_key(base)};
  const auto differs = [&](auto change) {
    CacheKeyParts parts = base;
    change(parts);
    return keys.insert(cache_key(parts)).second;
  };
  EXPECT_EQ(keys.begin()->size(), 64U);
  EXPECT_TRUE(differs([](auto& p) { p.code = "d"; }));
  EXPECT_TRUE(differs([](auto& p) { p.inputs["a"] = "2"; }));
  EXPECT_TRUE(differs([](auto& p) { p.inputs["b"] = "1"; }));
  EXPECT_TRUE(differs([](auto& p) { p.inputs = {{"p", "2"}}, p.params = {{"a", "1"}}; }));
  EXPECT_TRUE(differs([](auto& p) { p.params["p"] = "\"2\""; }));
  EXPECT_TRUE(differs([](auto& p) { p.params.clear(); }));
  EXPECT_TRUE(differs([](auto& p) { p.event_time.clear(); }));
  EXPECT_FALSE(differs([](auto&) {}));
}

}  // namespace
}  // namespace millrace::pipelines
