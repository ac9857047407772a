#include "serving/forest/xgboost_tree.h"

#include <algorithm>
#include <limits>

#include "serving/forest/model_fields.h"

namespace millrace::serving {
namespace {

constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
constexpr std::int32_t kMaxCategory = 1 << 24;  // beyond, floats do not tell categories apart

// The columns of a tree that say of each node where it leads.
struct Columns {
  std::vector<std::int32_t> left, right, feature;
  const std::vector<double>* threshold = nullptr;
  const std::vector<double>* default_left = nullptr;
};

Result<Columns> read_columns(const ModelValue& document, std::size_t nodes) {
  Columns columns;
  columns.left = TRY(indices_in(document, "left_children", nodes));
  columns.right = TRY(indices_in(document, "right_children", nodes));
  columns.feature = TRY(indices_in(document, "split_indices", nodes));
  columns.threshold = TRY(numbers_in(document, "split_conditions", nodes));
  columns.default_left = TRY(numbers_in(document, "default_left", nodes));
  return columns;
}

std::vector<TreeNode> make_nodes(const Columns& columns) {
  std::vector<TreeNode> nodes(columns.left.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].left = columns.left[i];
    nodes[i].right = columns.right[i];
    nodes[i].feature = static_cast<std::uint32_t>(columns.feature[i]);  // a negative one is out of range, too
    nodes[i].view = (*columns.default_left)[i] != 0 ? View::kMissingLeft : View::kAsIs;
    nodes[i].value = (*columns.threshold)[i];
  }
  return nodes;
}

Result<std::vector<std::uint32_t>> category_bits(std::span<const std::int32_t> categories, std::size_t& words) {
  const std::int32_t largest = *std::ranges::max_element(categories);
  if (*std::ranges::min_element(categories) < 0 || largest >= kMaxCategory) {
    return data_loss("broken model file: a category {} of a split", largest);
  }
  std::vector<std::uint32_t> bits(static_cast<std::size_t>(largest / 32 + 1));
  words += bits.size();
  if (words > kMaxCategoryWords) return fail(Code::kUnimplemented, "too many categories to split on");
  for (std::int32_t category : categories) bits[category / 32] |= 1U << (category % 32);
  return bits;
}

// Where the categories of a split stand in the tree's list of them.
struct Segments {
  std::vector<std::int32_t> nodes, begins, sizes, categories;
};

Result<Segments> read_segments(const ModelValue& document) {
  Segments segments;
  segments.nodes = TRY(indices_in(document, "categories_nodes"));
  segments.begins = TRY(indices_in(document, "categories_segments"));
  segments.sizes = TRY(indices_in(document, "categories_sizes"));
  segments.categories = TRY(indices_in(document, "categories"));
  if (segments.begins.size() != segments.nodes.size() || segments.sizes.size() != segments.nodes.size()) {
    return data_loss("broken model file: {} splits on categories, but {} segments of them", segments.nodes.size(),
                     segments.begins.size());
  }
  return segments;
}

Result<std::span<const std::int32_t>> segment(const Segments& segments, std::size_t index) {
  const std::int64_t begin = segments.begins[index];
  const std::int64_t size = segments.sizes[index];
  if (begin < 0 || size < 1 || begin + size > static_cast<std::int64_t>(segments.categories.size())) {
    return data_loss("broken model file: {} categories from the {}th of {}", size, begin, segments.categories.size());
  }
  return std::span(segments.categories).subspan(begin, size);
}

Result<void> read_categories(const ModelValue& document, std::vector<TreeNode>& nodes, ForestModel& model) {
  const Segments segments = TRY(read_segments(document));
  for (std::size_t i = 0; i < segments.nodes.size(); ++i) {
    const std::int32_t node = segments.nodes[i];
    if (node < 0 || node >= static_cast<std::int32_t>(nodes.size())) {
      return data_loss("broken model file: node {} of {} splits on categories", node, nodes.size());
    }
    nodes[node].categories = static_cast<std::int32_t>(model.categories.size());
    nodes[node].value = 0;
    model.categories.push_back(TRY(category_bits(TRY(segment(segments, i)), model.category_words)));
  }
  return {};
}

// Since 3.1 a leaf's vector is found by what stands for its right child; before, by its own number.
Result<std::vector<double>> read_leaf_vectors(const ModelValue& document, std::vector<TreeNode>& nodes,
                                              std::size_t groups) {
  const ModelValue* leaf_weights = document.find("leaf_weights");
  const bool own_list = leaf_weights != nullptr && !leaf_weights->numbers.empty();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].is_leaf()) nodes[i].value = own_list ? nodes[i].right : static_cast<double>(i);
  }
  const ModelValue* vectors = own_list ? leaf_weights : TRY(array_in(document, "base_weights"));
  if (vectors->numbers.empty() || vectors->numbers.size() % groups != 0) {
    return data_loss("broken model file: {} leaf values for {} outputs", vectors->numbers.size(), groups);
  }
  return vectors->numbers;
}

}  // namespace

Result<Tree> read_xgboost_tree(const ModelValue& document, ForestModel& model) {
  const ModelValue* parameters = TRY(object_in(document, "tree_param"));
  const auto nodes = static_cast<std::size_t>(TRY(count_in(*parameters, "num_nodes", {1, kMost})));
  const std::int32_t vector_size = TRY(count_in(*parameters, "size_leaf_vector", {0, kMaxGroups}, 0));
  Tree tree;
  tree.nodes = make_nodes(TRY(read_columns(document, nodes)));
  TRY(read_categories(document, tree.nodes, model));
  if (vector_size <= 1) return tree;
  if (static_cast<std::size_t>(vector_size) != model.groups()) {
    return data_loss("broken model file: leaves of {} values for {} outputs", vector_size, model.groups());
  }
  tree.leaf_vectors = TRY(read_leaf_vectors(document, tree.nodes, model.groups()));
  return tree;
}

}  // namespace millrace::serving
