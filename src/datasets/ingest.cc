#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "base/files.h"
#include "datasets/batch_source.h"
#include "datasets/judge.h"
#include "datasets/profile.h"
#include "datasets/scratch.h"
#include "datasets/state.h"
#include "datasets/table_rows.h"
#include "db/database.h"
#include "events/events.h"

namespace millrace::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlockRows = 262'144;  // of a batch, given to listeners at once

// Not synced: what lies in the scratch folder need not outlive the machine.
Result<void> write_scratch(const fs::path& path, std::string_view bytes) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return std::unexpected(errno_error("create", path));
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(errno_error("write", path));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

IngestResult answer(const std::string& dataset, const VersionSummary& version, std::string validation) {
  return {.dataset = dataset,
          .version = version.version,
          .rows = version.batch_rows,
          .quarantined = version.batch_quarantined,
          .duplicate = true,
          .content_hash = version.content_hash,
          .validation = std::move(validation)};
}

// One batch on its way to become a version.
class Ingestion {
 public:
  Ingestion(Datasets::State& state, Entry& entry, const Definition& definition, const Batch& batch)
      : state_(state),
        entry_(entry),
        definition_(definition),
        spec_(definition.spec),
        batch_(batch),
        input_(state.scratch_file("batch")),
        rows_(state.scratch_file("parquet")),
        set_aside_(state.scratch_file("parquet")) {}

  Result<IngestResult> run() {
    Result<IngestResult> result = ingest();
    if (result || !is_refusal(result.error().code)) return result;
    Error error =
        std::move(result.error()).in(fmt::format("batch {} of dataset {} was refused", batch_.batch_id, spec_.name));
    TRY(publish_refusal(error));
    return std::unexpected(std::move(error));
  }

 private:
  static bool is_refusal(Code code) { return code == Code::kInvalidArgument || code == Code::kFailedPrecondition; }

  Timestamp event_time() const { return batch_.event_time.value_or(state_.foundation.clock.now()); }

  Result<IngestResult> ingest() {
    connection_.emplace(TRY(state_.foundation.duck.connect()));
    TRY(read_batch(*connection_, spec_, batch_.format, TRY(input_file())));
    judgement_ = TRY(judge(*connection_, spec_, definition_.plans));
    if (!judgement_.rejected_by.empty()) {
      return failed_precondition("{}", fmt::join(judgement_.rejected_by, "; "));
    }
    NewSegment segment = TRY(write_files());
    const std::scoped_lock lock(entry_.rows_mutex);
    const Version version = TRY(record_version(state_, spec_, segment));
    TRY(tell_listeners(version.version, segment));
    PushLog* pushes = TRY(state_.push_log(entry_, spec_, Datasets::State::Make::kIfPushed));
    if (pushes != nullptr) TRY(pushes->covered(version.max_event_time));
    return IngestResult{.dataset = spec_.name,
                        .version = version.version,
                        .rows = segment.rows,
                        .quarantined = segment.quarantined,
                        .content_hash = version.content_hash,
                        .validation = judgement_.validation};
  }

  Result<fs::path> input_file() {
    if (batch_.bytes.empty()) {
      if (batch_.path.empty()) return invalid_argument("the batch is empty");
      if (!fs::is_regular_file(batch_.path)) return not_found("there is no file {}", batch_.path.string());
      return batch_.path;
    }
    TRY(write_scratch(input_.path(), batch_.bytes));
    return input_.path();
  }

  std::string columns() const {
    std::string list;
    for (const ColumnSpec& column : spec_.columns)
      list += (list.empty() ? "" : ", ") + duck::quote_identifier(column.name);
    return list;
  }

  Result<void> copy(const std::string& select, const fs::path& file) {
    TRY(connection_->execute(
        fmt::format("copy ({}) to {} (format parquet)", select, duck::quote_literal(file.string()))));
    return {};
  }

  Result<NewSegment> write_files() {
    TRY(copy("select " + columns() + " from kept", rows_.path()));
    NewSegment segment{.dataset = spec_.name,
                       .batch_id = batch_.batch_id,
                       .event_time = event_time(),
                       .rows_file = rows_.path(),
                       .rows = judgement_.kept,
                       .quarantined = judgement_.quarantined,
                       .validation = judgement_.validation};
    if (judgement_.quarantined > 0) {
      TRY(copy("select * from set_aside", set_aside_.path()));
      segment.quarantine_file = set_aside_.path();
    }
    Profile profile(spec_.column_types());
    block_ = duck::Table::of(spec_.column_types());
    bool first = true;
    TRY(connection_->stream("select " + columns() + " from kept", [&](duck::Table& rows) -> Result<void> {
      profile.add(rows);
      if (state_.has_listeners() && block_.rows < kBlockRows) append_rows(rows, block_);
      const auto& times = rows.find(spec_.event_time)->ints;
      if (first) segment.min_event_time.us = times.front();
      first = false;
      segment.max_event_time.us = times.back();
      return {};
    }));
    segment.batch_profile_state = profile.state();
    return segment;
  }

  // Blocks end between two event times, and each begins where the one before ended.
  Result<void> tell_listeners(std::int64_t version, const NewSegment& segment) {
    Timestamp from = segment.min_event_time;
    const auto tell = [&](Timestamp to) {
      state_.tell(spec_.name, {.rows = block_, .min_event_time = from, .max_event_time = to, .version = version},
                  RowSource::kBatch);
      from = to + Duration{1};
      block_.clear();
    };
    if (static_cast<std::int64_t>(block_.rows) == segment.rows) {
      tell(segment.max_event_time);
      return {};
    }
    if (!state_.has_listeners()) return {};
    block_.clear();
    TRY(connection_->stream("select " + columns() + " from kept", [&](duck::Table& rows) -> Result<void> {
      const duck::Column* times = block_.find(spec_.event_time);
      const std::int64_t first = rows.find(spec_.event_time)->ints.front();
      if (block_.rows >= kBlockRows && times->ints.back() < first) tell({first - 1});
      append_rows(rows, block_);
      return {};
    }));
    tell(segment.max_event_time);
    return {};
  }

  Result<void> publish_refusal(const Error& error) {
    db::Transaction tx = TRY(state_.foundation.db.begin());
    Json data{{"batch_id", batch_.batch_id}, {"code", code_name(error.code)}, {"message", error.message}};
    if (!judgement_.validation.empty()) data["validation"] = TRY(parse_json(judgement_.validation));
    TRY(state_.foundation.events.publish(tx, "dataset.batch_rejected", spec_.name, event_time(), data));
    return tx.commit();
  }

  Datasets::State& state_;
  Entry& entry_;
  const Definition& definition_;
  const DatasetSpec& spec_;
  const Batch& batch_;
  ScratchFile input_;
  ScratchFile rows_;
  ScratchFile set_aside_;
  std::optional<duck::Connection> connection_;
  Judgement judgement_;
  duck::Table block_;  // the kept rows, where there are listeners and not too many rows
};

}  // namespace

Result<IngestResult> Datasets::ingest(std::string_view name, const Batch& batch) {
  if (batch.batch_id.empty()) return invalid_argument("a batch of dataset {} needs an id", name);
  const std::shared_ptr<Entry> entry = TRY(state_->find(name));
  const std::scoped_lock lock(entry->ingest_mutex);
  const std::shared_ptr<const Definition> definition = entry->definition();
  if (definition->is_log) return failed_precondition("dataset {} takes no batches: the server fills it", name);
  if (const auto known = TRY(state_->catalog.of_batch(name, batch.batch_id))) {
    return answer(definition->spec.name, *known, TRY(state_->catalog.validation(name, known->version)));
  }
  return Ingestion(*state_, *entry, *definition, batch).run();
}

}  // namespace millrace::datasets
