#include "serving/forest/lightgbm_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "serving/forest/forest.h"

namespace millrace::serving {
namespace {

using ::testing::HasSubstr;

// Two trees of three leaves, the second with a split on categories 1 and 33.
constexpr std::string_view kModel = R"(tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=binary sigmoid:2
feature_names=a b
feature_infos=[0:1] 0:1:33
tree_sizes=100 100

Tree=0
num_leaves=3
num_cat=0
split_feature=0 1
threshold=0.5 1.5
decision_type=2 8
left_child=1 -1
right_child=-3 -2
leaf_value=1 2 4
is_linear=0
shrinkage=1


Tree=1
num_leaves=2
num_cat=1
split_feature=1
threshold=0
decision_type=1
left_child=-1
right_child=-2
leaf_value=10 20
cat_boundaries=0 2
cat_threshold=2 2
is_linear=0
shrinkage=1


end of trees

feature_importances:
a=1

parameters:
end of parameters

pandas_categorical:null
)";

std::string with(std::string_view from, std::string_view to) {
  std::string changed(kModel);
  const std::size_t at = changed.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return changed.replace(at, from.size(), to);
}

TEST(LightgbmReaderTest, SplitsAndCategoriesAreWalked) {
  const ForestModel model = MUST(read_lightgbm_model(kModel));
  EXPECT_EQ(model.feature_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(model.has_category_names);
  const Forest forest = MUST(Forest::build(model));
  const std::vector<double> rows = {0.5, 1, 0.5, 33.9, 0.6, 2, NAN, NAN, 0, -1, 0, 1e12};
  std::vector<double> out(6);
  forest.margins<double>(rows, out);
  EXPECT_EQ(out, (std::vector<double>{1 + 10, 2 + 10, 4 + 20, 2 + 20, 1 + 20, 2 + 20}));
}

struct Case {
  std::string name;
  std::string bytes;
  Code code;
  std::string message;
};

TEST(LightgbmReaderTest, RefusesWhatItCannotScore) {
  const std::vector<Case> cases = {
      {"empty", "", Code::kInvalidArgument, "not a LightGBM"},
      {"another text", "hello\n", Code::kInvalidArgument, "not a LightGBM"},
      {"objective", with("binary sigmoid:2", "mine"), Code::kUnimplemented, "objective mine"},
      {"sigmoid", with("sigmoid:2", "sigmoid:-1"), Code::kDataLoss, "sigmoid of \"-1\""},
      {"linear", with("is_linear=0", "is_linear=1"), Code::kUnimplemented, "linear_tree"},
      {"no features", with("max_feature_idx=1", "max_feature_idx=-1"), Code::kDataLoss, "max_feature_idx"},
      {"huge features", with("max_feature_idx=1", "max_feature_idx=99999999999"), Code::kDataLoss, "max_feature_idx"},
      {"names", with("feature_names=a b", "feature_names=a b c"), Code::kDataLoss, "3 feature names for 2"},
      {"huge classes", with("num_tree_per_iteration=1", "num_tree_per_iteration=2000000000"), Code::kDataLoss,
       "trees an iteration"},
      {"half an iteration", with("num_tree_per_iteration=1", "num_tree_per_iteration=3"), Code::kDataLoss,
       "2 trees of 3"},
      {"no leaves", with("num_leaves=3", "num_leaves=0"), Code::kDataLoss, "num_leaves is 0"},
      {"huge leaves", with("num_leaves=3", "num_leaves=1000000000"), Code::kDataLoss, "not 1000000000"},
      {"cycle", with("left_child=1 -1", "left_child=1 0"), Code::kDataLoss, "node 0 twice"},
      {"child out of range", with("left_child=1 -1", "left_child=7 -1"), Code::kDataLoss, "child 7"},
      {"leaf out of range", with("left_child=1 -1", "left_child=1 -9"), Code::kDataLoss, "child 10"},
      {"leaf far out of range", with("left_child=1 -1", "left_child=1 -9000000000"), Code::kDataLoss, "child"},
      {"feature", with("split_feature=0 1", "split_feature=0 2"), Code::kDataLoss, "feature 2 of 2"},
      {"negative feature", with("split_feature=0 1", "split_feature=-1 1"), Code::kDataLoss, "feature -1"},
      {"threshold", with("threshold=0.5 1.5", "threshold=nan 1.5"), Code::kDataLoss, "splits at nan"},
      {"leaf", with("leaf_value=1 2 4", "leaf_value=1 inf 4"), Code::kDataLoss, "leaf of inf"},
      {"words", with("leaf_value=1 2 4", "leaf_value=1 2 x"), Code::kDataLoss, "leaf_value"},
      {"categories", with("threshold=0\n", "threshold=1\n"), Code::kDataLoss, "split on categories 1"},
      {"category ends", with("cat_boundaries=0 2", "cat_boundaries=3 2"), Code::kDataLoss, "cat_boundaries"},
      {"huge categories", with("cat_boundaries=0 2", "cat_boundaries=0 99999999999"), Code::kDataLoss,
       "cat_boundaries"},
      {"many sets", with("num_cat=1", "num_cat=2000000000"), Code::kDataLoss, "num_cat"},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    const auto model = read_lightgbm_model(test.bytes);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, test.code) << model.error().message;
    EXPECT_THAT(model.error().message, HasSubstr(test.message));
  }
}

TEST(LightgbmReaderTest, AFileCutAmongItsTreesIsAnError) {
  const std::size_t end = kModel.find("end of trees") + 12;
  for (std::size_t size = 0; size < end; ++size) EXPECT_FALSE(read_lightgbm_model(kModel.substr(0, size))) << size;
}

TEST(LightgbmReaderTest, AFileWithAnyByteChangedNeverCrashes) {
  std::mt19937 random(1);
  std::vector<double> row, out;
  for (int attempt = 0; attempt < 20000; ++attempt) {
    std::string bytes(kModel);
    for (int change = 0; change < 3; ++change) bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto model = read_lightgbm_model(bytes);
    if (!model) continue;
    const auto forest = Forest::build(*model);
    if (!forest || forest->features() > 1000 || forest->groups() > 100) continue;
    row.resize(forest->features());
    out.resize(forest->groups());
    forest->margins<double>(row, out);
  }
}

TEST(LightgbmReaderTest, CategoriesThatPandasNamedAreTold) {
  EXPECT_TRUE(
      MUST(read_lightgbm_model(with("pandas_categorical:null", "pandas_categorical:[[\"x\"]]"))).has_category_names);
}

}  // namespace
}  // namespace millrace::serving
