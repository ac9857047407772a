#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "triggers/decide.h"
#include "triggers/firing.h"
#include "triggers/trigger_spec.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db

// The tables of this module: triggers (the declared ones, with how far their schedule is done) and trigger_firings.
namespace millrace::triggers::store {

Result<void> migrate(db::Database& database);

// The declared triggers become these; `schedules` holds those of them whose schedule is done up to a moment.
Result<void> replace_specs(db::Database& database, const std::vector<TriggerSpec>& specs,
                           const std::map<std::string, std::optional<Timestamp>>& schedules);
Result<std::vector<TriggerSpec>> load_specs(db::Database& database);

Result<TriggerState> load_state(db::Database& database, const TriggerSpec& trigger);
Result<void> set_schedule_until(db::Database& database, const std::string& trigger, Timestamp until);

Result<std::optional<Firing>> find_firing(db::Database& database, const std::string& trigger, const std::string& key);
// Answers its id.
Result<std::int64_t> insert_firing(db::Database& database, const Firing& firing);
Result<void> finish_firing(db::Transaction& tx, const Firing& firing);
// Oldest first.
Result<std::vector<Firing>> list_pending(db::Database& database);
Result<std::vector<Firing>> list_firings(db::Database& database, const std::string& trigger, std::int64_t before,
                                         int limit);
Result<std::int64_t> count_started(db::Database& database, const std::string& trigger);

}  // namespace millrace::triggers::store
