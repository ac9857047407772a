#include "db/postgres/statistics.h"

#include <chrono>
#include <optional>
#include <utility>

namespace millrace::db {

namespace {

constexpr auto kEvery = std::chrono::seconds(5);

constexpr char kChangedTables[] = R"sql(
select coalesce(string_agg(format('%I', relname), ', '), '')
from pg_stat_user_tables
where schemaname = current_schema() and n_mod_since_analyze > 500 + n_live_tup / 5)sql";

}  // namespace

Result<void> count_changed_tables(Session& session) {
  const std::string tables = TRY(session.value(kChangedTables));
  if (!tables.empty()) TRY(session.script("analyze " + tables));
  return {};
}

StatisticsKeeper::StatisticsKeeper(std::string uri, std::string place)
    : uri_(std::move(uri)), place_(std::move(place)), thread_([this](const std::stop_token& stop) { keep(stop); }) {}

void StatisticsKeeper::keep(const std::stop_token& stop) {
  std::optional<Session> session;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, stop, kEvery, [] { return false; }) && !stop.stop_requested()) {
    if (!session || session->lost()) {
      auto opened = Session::open(uri_, place_);
      if (!opened) continue;  // whoever needs the database says so
      session.emplace(std::move(*opened));
    }
    (void)count_changed_tables(*session);
  }
}

}  // namespace millrace::db
