#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "delivery/project_spec.h"
#include "duck/duck.h"

namespace millrace::cli {

// The rows of a replay, in the order in which they are asked for and in which they become known.
class History {
 public:
  static Result<History> load(const delivery::ReplaySpec& spec, const std::filesystem::path& folder);

  std::size_t size() const { return rows_.rows; }
  Timestamp asked_at(std::size_t row) const { return {asked_at_->ints[row]}; }
  Timestamp known_at(std::size_t row) const { return {known_at_->ints[row]}; }
  const std::string& id(std::size_t row) const { return id_->strings[row]; }
  double label(std::size_t row) const;
  // Row numbers in the order of known_at, then of asked_at. Rows themselves are in the order of asked_at.
  const std::vector<std::uint32_t>& by_known() const { return by_known_; }

  // The body of an Open Inference Protocol request for a row.
  std::string request(std::size_t row) const;
  // {"id", "event_time", "value"} and {column: value, ...}, appended to a JSON array's text.
  void append_label(std::string& out, std::size_t row) const;
  void append_push(std::string& out, std::size_t row) const;
  // The rows that became known in [from, to) as the bytes of a Parquet file; "" where there are none.
  Result<std::string> batch(Timestamp from, Timestamp to) const;

 private:
  History(const delivery::ReplaySpec& spec, duck::Connection connection)
      : spec_(spec), connection_(std::move(connection)) {}
  Result<void> find_columns();

  delivery::ReplaySpec spec_;
  std::unique_ptr<duck::Database> database_;
  mutable duck::Connection connection_;
  duck::Table rows_;
  const duck::Column* id_ = nullptr;
  const duck::Column* asked_at_ = nullptr;
  const duck::Column* known_at_ = nullptr;
  const duck::Column* label_ = nullptr;
  std::vector<const duck::Column*> inputs_;
  std::vector<const duck::Column*> columns_;
  std::vector<std::uint32_t> by_known_;
};

}  // namespace millrace::cli
