#include "serving/route_key.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>

namespace millrace::serving {
namespace {

class FakeHints final : public RequestHints {
 public:
  std::map<std::string, std::string, std::less<>> headers, parameters;
  std::string header(std::string_view name) const override { return find(headers, name); }
  std::string parameter(std::string_view name) const override { return find(parameters, name); }

 private:
  static std::string find(const std::map<std::string, std::string, std::less<>>& texts, std::string_view name) {
    const auto found = texts.find(name);
    return found == texts.end() ? "" : found->second;
  }
};

template <typename T>
std::optional<std::string> key_of(Datatype datatype, const std::vector<T>& values) {
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(values.size())};
  const TensorView tensor{"user", datatype, shape, std::as_bytes(std::span(values)), {}};
  return MUST(sticky_key({.name = "user"}, {.inputs = {&tensor, 1}}));
}

TEST(RouteKeyTest, ANumberIsTheKeyThatItsTextWouldBe) {
  const std::vector<std::string_view> texts = {"7", "7"};
  const std::array<std::int64_t, 1> shape = {2};
  const TensorView tensor{"user", Datatype::kBytes, shape, {}, texts};
  EXPECT_EQ(MUST(sticky_key({.name = "user"}, {.inputs = {&tensor, 1}})), "7");
  EXPECT_EQ(key_of<std::int64_t>(Datatype::kInt64, {7}), "7");
  EXPECT_EQ(key_of<std::uint8_t>(Datatype::kUint8, {7, 7}), "7");
  EXPECT_EQ(key_of<double>(Datatype::kFp64, {7.0}), "7");
  EXPECT_EQ(key_of<float>(Datatype::kFp32, {0.5F}), "0.5");
}

TEST(RouteKeyTest, ARequestMayCarryNone) {
  EXPECT_EQ(key_of<double>(Datatype::kFp64, {NAN}), std::nullopt);
  EXPECT_EQ(key_of<double>(Datatype::kFp64, {}), std::nullopt);
  EXPECT_EQ(MUST(sticky_key({.name = "user"}, {})), std::nullopt);
  EXPECT_EQ(MUST(sticky_key({.source = StickySpec::Source::kHeader, .name = "x"}, {})), std::nullopt);
  EXPECT_EQ(wanted_arm({.name = "x"}, {}), "");
}

TEST(RouteKeyTest, RowsOfOneRequestHaveOneKey) {
  const std::array<std::int64_t, 2> values = {7, 8}, shape = {2, 1};
  const TensorView tensor{"user", Datatype::kInt64, shape, std::as_bytes(std::span(values)), {}};
  EXPECT_EQ(sticky_key({.name = "user"}, {.inputs = {&tensor, 1}}).error().message,
            "input \"user\" differs between the rows, and requests are divided by it; send a request for each key");
}

TEST(RouteKeyTest, HeadersAndParametersAreAskedByTheirNames) {
  FakeHints hints;
  hints.headers["x-user"] = "ann";
  hints.parameters["session"] = "42";
  hints.headers["x-arm"] = "challenger";
  const InferRequest request{.hints = &hints};
  EXPECT_EQ(MUST(sticky_key({.source = StickySpec::Source::kHeader, .name = "x-user"}, request)), "ann");
  EXPECT_EQ(MUST(sticky_key({.source = StickySpec::Source::kParameter, .name = "session"}, request)), "42");
  EXPECT_EQ(MUST(sticky_key({.source = StickySpec::Source::kParameter, .name = "x-user"}, request)), std::nullopt);
  EXPECT_EQ(wanted_arm({.source = OverrideSpec::Source::kHeader, .name = "x-arm"}, request), "challenger");
  EXPECT_EQ(wanted_arm({.source = OverrideSpec::Source::kParameter, .name = "x-arm"}, request), "");
}

}  // namespace
}  // namespace millrace::serving
