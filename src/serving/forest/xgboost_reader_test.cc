#include "serving/forest/xgboost_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "serving/forest/forest.h"
#include "serving/forest/reference_booster.h"

namespace millrace::serving {
namespace {

using ::testing::HasSubstr;

const std::string& json_model() {
  static const std::string bytes =
      ReferenceBooster({.rounds = 2, .params = {{"objective", "binary:logistic"}, {"max_depth", "2"}}}).save("json");
  return bytes;
}

std::string with(const std::string& pattern, const std::string& replacement) {
  const std::string changed =
      std::regex_replace(json_model(), std::regex(pattern), replacement, std::regex_constants::format_first_only);
  EXPECT_NE(changed, json_model()) << pattern;
  return changed;
}

struct Case {
  std::string name;
  std::string bytes;
  Code code;
  std::string message;
};

TEST(XgboostReaderTest, RefusesWhatItCannotScore) {
  const std::vector<Case> cases = {
      {"empty", "", Code::kInvalidArgument, "not a JSON or UBJSON"},
      {"old binary", "binf\x01\x02", Code::kInvalidArgument, "not a JSON or UBJSON"},
      {"another object", "{}", Code::kDataLoss, "no learner"},
      {"booster", with(R"("name":"gbtree")", R"("name":"gbforest")"), Code::kUnimplemented, "booster gbforest"},
      {"half a dart", with(R"("name":"gbtree")", R"("name":"dart")"), Code::kDataLoss, "no gbtree"},
      {"objective", with("binary:logistic", "my:own"), Code::kUnimplemented, "objective my:own"},
      {"category of no node", with(R"("categories_nodes":\[\])", R"("categories_nodes":[0])"), Code::kDataLoss,
       "0 segments"},
      {"vector leaf", with(R"("size_leaf_vector":"0"\}\})", R"("size_leaf_vector":"2"}})"), Code::kDataLoss,
       "leaves of 2 values"},
      {"cycle", with(R"("left_children":\[1,3,)", R"("left_children":[1,1,)"), Code::kDataLoss, "meets node 1 twice"},
      {"back to the root", with(R"("left_children":\[1,3,)", R"("left_children":[1,0,)"), Code::kDataLoss,
       "node 0 twice"},
      {"child out of range", with(R"("left_children":\[1,)", R"("left_children":[77,)"), Code::kDataLoss, "child 77"},
      {"negative child", with(R"("right_children":\[2,)", R"("right_children":[-2,)"), Code::kDataLoss, "child -2"},
      {"huge child", with(R"("left_children":\[1,)", R"("left_children":[1e300,)"), Code::kDataLoss, "left_children"},
      {"feature out of range", with(R"("split_indices":\[\d,)", R"("split_indices":[6,)"), Code::kDataLoss,
       "feature 6 of 6"},
      {"short array", with(R"("split_indices":\[\d,)", R"("split_indices":[)"), Code::kDataLoss, "6 numbers, not 7"},
      {"huge node count", with(R"("num_nodes":"7")", R"("num_nodes":"2000000000")"), Code::kDataLoss, "not 2000000000"},
      {"endless node count", with(R"("num_nodes":"7")", R"("num_nodes":"99999999999")"), Code::kDataLoss, "num_nodes"},
      {"huge class count", with(R"("num_class":"0")", R"("num_class":"2000000000")"), Code::kDataLoss, "num_class"},
      {"negative features", with(R"("num_feature":"6","num_target)", R"("num_feature":"-6","num_target)"),
       Code::kDataLoss, "num_feature"},
      {"tree of another class", with(R"("tree_info":\[0)", R"("tree_info":[1)"), Code::kDataLoss, "adds to 1"},
      {"base score", with(R"("base_score":"5E-1")", R"("base_score":"2")"), Code::kDataLoss, "no finite margin"},
      {"base score text", with(R"("base_score":"5E-1")", R"("base_score":"half")"), Code::kDataLoss, "half"},
      {"deep nesting", "{\"a\":" + std::string(100000, '['), Code::kDataLoss, "nested too deeply"},
      {"deep UBJSON", "{L" + std::string(7, '\0') + "\1a" + std::string(100000, '['), Code::kDataLoss, "too deeply"},
      {"endless UBJSON", "{L" + std::string(7, '\0') + "\1a[$Z#L\x7f" + std::string(7, '\xff'), Code::kDataLoss,
       "count"},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    const auto model = read_xgboost_model(test.bytes);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, test.code) << model.error().message;
    EXPECT_THAT(model.error().message, HasSubstr(test.message));
  }
}

TEST(XgboostReaderTest, AFileCutAnywhereIsAnError) {
  for (const std::string format : {"json", "ubj"}) {
    const std::string whole = ReferenceBooster({.rounds = 1, .params = {{"max_depth", "2"}}}).save(format);
    ASSERT_TRUE(read_xgboost_model(whole));
    for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(read_xgboost_model(whole.substr(0, size)));
  }
}

TEST(XgboostReaderTest, AFileWithAnyByteChangedNeverCrashes) {
  const std::string whole = ReferenceBooster({.rounds = 2, .params = {{"max_depth", "3"}}}).save("ubj");
  std::mt19937 random(1);
  std::vector<float> row(6), out;
  for (int attempt = 0; attempt < 20000; ++attempt) {
    std::string bytes = whole;
    for (int change = 0; change < 3; ++change) bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto model = read_xgboost_model(bytes);
    if (!model) continue;
    const auto forest = Forest::build(*model);
    if (!forest || forest->features() > 1000 || forest->groups() > 100) continue;
    row.resize(forest->features());
    out.resize(forest->groups());
    forest->margins<float>(row, out);
  }
}

TEST(XgboostReaderTest, AReleaseThatIsNoNumberIsReadAsTheFirst) {
  EXPECT_TRUE(read_xgboost_model(with(R"("version":\[\d+,)", R"("version":[NaN,)")));
}

TEST(XgboostReaderTest, ReadsTheNewestFormOfTheBaseScore) {
  const auto model = read_xgboost_model(with(R"("base_score":"5E-1")", R"("base_score":"[2.5E-1]")"));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->base, std::vector<double>{-std::log(1.0F / 0.25F - 1.0F)});
}

}  // namespace
}  // namespace millrace::serving
