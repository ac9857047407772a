#include "serving/forest/lightgbm_reader.h"

#include <cmath>
#include <limits>
#include <ranges>

#include "serving/forest/lightgbm_objective.h"
#include "serving/forest/lightgbm_section.h"

namespace millrace::serving {
namespace {

// The bits of a node's decision_type.
constexpr std::int64_t kCategorical = 1;
constexpr std::int64_t kDefaultLeft = 2;
constexpr std::int64_t kMissingMask = 12;
constexpr std::int64_t kMissingIsZero = 4;
constexpr std::int64_t kMissingIsNan = 8;

View view_of(std::int64_t decision) {
  const bool left = (decision & kDefaultLeft) != 0;
  switch (decision & kMissingMask) {
    case kMissingIsZero:
      return left ? View::kZeroLeft : View::kZeroRight;
    case kMissingIsNan:
      return left ? View::kMissingLeft : View::kAsIs;
    default:
      return View::kMissingZero;
  }
}

// LightGBM sends left what is not greater.
double next_above(double threshold) { return std::nextafter(threshold, std::numeric_limits<double>::infinity()); }

struct Columns {
  std::vector<std::int64_t> feature, decision, left, right;
  std::vector<double> threshold;
};

Result<Columns> read_columns(const LightgbmSection& section, std::size_t splits) {
  Columns columns;
  columns.feature = TRY(integers_in(section, "split_feature", splits));
  columns.left = TRY(integers_in(section, "left_child", splits));
  columns.right = TRY(integers_in(section, "right_child", splits));
  columns.threshold = TRY(reals_in(section, "threshold", splits));
  columns.decision.resize(splits);
  if (section.find("decision_type")) columns.decision = TRY(integers_in(section, "decision_type", splits));
  return columns;
}

// Leaf i, told as ~i, stands behind the splits.
Result<std::int32_t> child(std::int64_t told, std::size_t splits) {
  const std::int64_t place = told >= 0 ? told : static_cast<std::int64_t>(splits) + ~told;
  if (place > std::numeric_limits<std::int32_t>::max()) return data_loss("broken model file: a child {}", told);
  return static_cast<std::int32_t>(place);
}

Result<TreeNode> read_split(const Columns& columns, std::size_t index) {
  const std::size_t splits = columns.left.size();
  const std::int64_t feature = columns.feature[index];
  if (feature < 0 || feature >= kMaxFeatures) return data_loss("broken model file: a split on feature {}", feature);
  return TreeNode{.left = TRY(child(columns.left[index], splits)),
                  .right = TRY(child(columns.right[index], splits)),
                  .feature = static_cast<std::uint32_t>(feature),
                  .view = view_of(columns.decision[index]),
                  .value = next_above(columns.threshold[index])};
}

// The tree's sets of categories, appended to the model's.
Result<void> read_categories(const LightgbmSection& section, std::size_t sets, ForestModel& model) {
  const std::vector<std::int64_t> ends = TRY(integers_in(section, "cat_boundaries", sets + 1));
  const std::int64_t words = ends.back();
  if (words < 0 || words > static_cast<std::int64_t>(kMaxCategoryWords)) {
    return data_loss("broken model file: cat_boundaries ends at {}", words);
  }
  const auto bits = TRY(integers_in(section, "cat_threshold", static_cast<std::size_t>(words)));
  for (std::size_t i = 0; i < sets; ++i) {
    if (ends[i] < 0 || ends[i + 1] < ends[i] || ends[i + 1] > words) {
      return data_loss("broken model file: cat_boundaries holds {}", ends[i + 1]);
    }
    auto& set = model.categories.emplace_back();
    for (std::int64_t word = ends[i]; word < ends[i + 1]; ++word) set.push_back(static_cast<std::uint32_t>(bits[word]));
  }
  return {};
}

// Members go left in LightGBM, so such a split's children change places.
Result<void> make_categorical(TreeNode& node, double threshold, std::size_t before, const ForestModel& model) {
  const auto sets = static_cast<double>(model.categories.size() - before);
  if (!(threshold >= 0 && threshold < sets)) return data_loss("broken model file: a split on categories {}", threshold);
  std::swap(node.left, node.right);
  node.view = View::kWhole;
  node.categories = static_cast<std::int32_t>(before + static_cast<std::size_t>(threshold));
  node.value = 0;
  return {};
}

Result<Tree> read_tree(const LightgbmSection& section, ForestModel& model) {
  const std::int64_t leaves = TRY(integer_in(section, "num_leaves"));
  if (leaves < 1 || leaves > std::numeric_limits<std::int32_t>::max() / 2) {
    return data_loss("broken model file: num_leaves is {}", leaves);
  }
  if (section.find("is_linear").value_or("0") != "0") {
    return fail(Code::kUnimplemented, "linear_tree is not supported: its leaves hold linear models");
  }
  const std::vector<double> values = TRY(reals_in(section, "leaf_value", static_cast<std::size_t>(leaves)));
  Tree tree;
  const std::size_t categories = model.categories.size();
  const std::int64_t sets = section.find("num_cat") ? TRY(integer_in(section, "num_cat")) : 0;
  if (sets < 0 || sets >= leaves) return data_loss("broken model file: num_cat is {}", sets);
  if (leaves > 1) {
    const Columns columns = TRY(read_columns(section, static_cast<std::size_t>(leaves - 1)));
    if (sets > 0) TRY(read_categories(section, static_cast<std::size_t>(sets), model));
    for (std::size_t i = 0; i < columns.left.size(); ++i) {
      tree.nodes.push_back(TRY(read_split(columns, i)));
      if ((columns.decision[i] & kCategorical) == 0) continue;
      TRY(make_categorical(tree.nodes.back(), columns.threshold[i], categories, model));
    }
  }
  for (double value : values) tree.nodes.push_back({.value = value});
  return tree;
}

Result<void> read_header(const LightgbmSection& header, ForestModel& model) {
  model.precision = Precision::kDouble;
  const std::int64_t last_feature = TRY(integer_in(header, "max_feature_idx"));
  if (last_feature < 0 || last_feature >= kMaxFeatures) {
    return data_loss("broken model file: max_feature_idx is {}", last_feature);
  }
  model.features = static_cast<std::uint32_t>(last_feature + 1);
  const std::int64_t groups =
      TRY(integer_in(header, header.find("num_tree_per_iteration") ? "num_tree_per_iteration" : "num_class"));
  if (groups < 1 || groups > kMaxGroups) return data_loss("broken model file: {} trees an iteration", groups);
  model.base.assign(static_cast<std::size_t>(groups), 0.0);
  model.transform = TRY(lightgbm_objective(header.find("objective").value_or("")));
  for (auto name : header.find("feature_names").value_or("") | std::views::split(' ')) {
    if (!name.empty()) model.feature_names.emplace_back(name.begin(), name.end());
  }
  return {};
}

Result<void> read_trees(std::string_view& text, ForestModel& model) {
  while (true) {
    const LightgbmSection section = take_section(text);
    if (section.lines.empty()) return data_loss("broken model file: it ends among its trees");
    if (section.lines.front().first == "end of trees") return {};
    if (section.lines.front().first != "Tree") {
      return data_loss("broken model file: \"{}\" where a tree must be", section.lines.front().first.substr(0, 40));
    }
    const auto group = static_cast<std::uint32_t>(model.trees.size() % model.groups());
    model.trees.push_back(TRY(read_tree(section, model)));
    model.trees.back().group = group;
    if (group + 1 == model.groups()) model.iterations.push_back(static_cast<std::uint32_t>(model.trees.size()));
  }
}

// The last lines; "null" or "[]" where no column was of pandas' categories.
bool names_categories(std::string_view text) {
  constexpr std::string_view kKey = "pandas_categorical:";
  const std::size_t at = text.rfind(kKey);
  if (at == std::string_view::npos) return false;
  const std::string_view value = text.substr(at + kKey.size());
  return !value.starts_with("null") && !value.starts_with("[]");
}

}  // namespace

Result<ForestModel> read_lightgbm_model(std::string_view bytes) {
  std::string_view text = bytes;
  const LightgbmSection header = take_section(text);
  if (header.lines.empty() || header.lines.front().first != "tree") {
    return invalid_argument("not a LightGBM model file: its first line is not \"tree\"");
  }
  ForestModel model;
  TRY(read_header(header, model));
  TRY(read_trees(text, model));
  if (model.trees.size() != model.iterations.size() * model.groups()) {
    return data_loss("broken model file: {} trees of {} an iteration", model.trees.size(), model.groups());
  }
  if (header.find("average_output"))
    model.divisor = static_cast<double>(std::max<std::size_t>(1, model.iterations.size()));
  model.has_category_names = names_categories(text);
  TRY(check_forest(model));
  return model;
}

}  // namespace millrace::serving
