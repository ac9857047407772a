#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "duck/table.h"
#include "features/features.h"

namespace millrace::features::offline {

// A spine whose columns were found and checked. The table must outlive it.
class Spine {
 public:
  static Result<Spine> open(const duck::Table& table, const ResolvedService& service);

  std::size_t rows() const { return table_->rows; }
  Timestamp moment(std::size_t row) const { return {event_time_->ints[row]}; }
  Timestamp first() const { return first_; }
  Timestamp last() const { return last_; }

  // The moment, then the inputs, as the request's expressions see them. `into` has room for them.
  void read(std::size_t row, std::span<sql::Value> into) const;

 private:
  Spine(const duck::Table& table, const ResolvedService& service) : table_(&table), service_(&service) {}
  Result<void> check_moments();

  const duck::Table* table_;
  const ResolvedService* service_;
  const duck::Column* event_time_ = nullptr;
  std::vector<const duck::Column*> inputs_;
  Timestamp first_, last_;
};

// The spine's rows by the key that they ask a view for. Keys are numbered in order of their first row.
class KeyedRows {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  KeyedRows(const Spine& spine, const ResolvedView& view, std::size_t inputs);

  std::uint32_t find(std::string_view key) const;  // kNone where the spine does not ask for it
  std::size_t keys() const { return starts_.size() - 1; }
  std::span<const std::uint32_t> rows_of(std::size_t key) const {
    return std::span(rows_).subspan(starts_[key], starts_[key + 1] - starts_[key]);
  }
  // Rows in which an entity is null.
  std::span<const std::uint32_t> without_key() const { return without_key_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
  };
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers_;
  std::vector<std::uint32_t> starts_, rows_, without_key_;
};

}  // namespace millrace::features::offline
