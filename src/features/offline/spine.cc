#include "features/offline/spine.h"

#include <algorithm>

#include "features/projection.h"

namespace millrace::features::offline {

Result<Spine> Spine::open(const duck::Table& table, const ResolvedService& service) {
  if (table.rows >= KeyedRows::kNone)
    return invalid_argument("the spine has {} rows; at most {} are supported", table.rows, KeyedRows::kNone - 1);
  Spine spine(table, service);
  const sql::ColumnDef moment{"event_time", sql::Type::kTimestamp};
  spine.event_time_ = TRY(find_columns(table, std::span(&moment, 1), "the spine")).front();
  std::vector<sql::ColumnDef> wanted;
  for (const InputColumn& input : service.inputs) wanted.push_back({input.name, input.type});
  spine.inputs_ = TRY(find_columns(table, wanted, "the spine"));
  for (const std::string& feature : service.features)
    if (table.find(feature) && std::ranges::find(service.inputs, feature, &InputColumn::name) == service.inputs.end())
      return invalid_argument("the spine has a column {} already, the name of a feature of {}", feature, service.name);
  TRY(spine.check_moments());
  return spine;
}

Result<void> Spine::check_moments() {
  for (std::size_t row = 0; row < rows(); ++row)
    if (event_time_->is_null(row)) return invalid_argument("event_time is null in row {} of the spine", row + 1);
  if (rows() == 0) return {};
  const auto [least, most] = std::ranges::minmax(event_time_->ints);
  first_ = {least}, last_ = {most};
  return {};
}

void Spine::read(std::size_t row, std::span<sql::Value> into) const {
  into[0] = sql::Value::of(moment(row).us);
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    sql::Value value = cell(*inputs_[i], row);
    if (service_->inputs[i].type == sql::Type::kDouble && value.kind == sql::Value::Kind::kInteger)
      value = sql::Value::of(static_cast<double>(value.integer));
    into[i + 1] = value;
  }
}

KeyedRows::KeyedRows(const Spine& spine, const ResolvedView& view, std::size_t inputs) {
  std::vector<sql::Value> row(inputs + 1), entities(view.key_inputs.size());
  std::vector<std::uint32_t> key_of(spine.rows(), kNone);
  std::string buffer;
  for (std::size_t r = 0; r < spine.rows(); ++r) {
    spine.read(r, row);
    for (std::size_t i = 0; i < entities.size(); ++i) entities[i] = row[view.key_inputs[i] + 1];
    const auto key = encode_key(entities, buffer);
    if (!key) {
      without_key_.push_back(static_cast<std::uint32_t>(r));
      continue;
    }
    auto found = numbers_.find(*key);
    if (found == numbers_.end())
      found = numbers_.emplace(std::string(*key), static_cast<std::uint32_t>(numbers_.size())).first;
    key_of[r] = found->second;
  }
  starts_.assign(numbers_.size() + 1, 0);
  for (const std::uint32_t key : key_of)
    if (key != kNone) ++starts_[key + 1];
  for (std::size_t k = 1; k < starts_.size(); ++k) starts_[k] += starts_[k - 1];
  rows_.resize(starts_.back());
  auto next = starts_;
  for (std::size_t r = 0; r < key_of.size(); ++r)
    if (key_of[r] != kNone) rows_[next[key_of[r]]++] = static_cast<std::uint32_t>(r);
}

std::uint32_t KeyedRows::find(std::string_view key) const {
  const auto found = numbers_.find(key);
  return found == numbers_.end() ? kNone : found->second;
}

}  // namespace millrace::features::offline
