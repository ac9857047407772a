#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db
namespace millrace::lineage {
class Store;
}

namespace millrace::openlineage {

struct Message;
struct DatasetRef;

// An event that somebody sent.
struct Received {
  std::int64_t id = 0;  // rising
  Timestamp received;
  std::string who;
  Json event;
};

// Takes OpenLineage events of others: keeps them, and puts their jobs and datasets into the lineage graph, joined with
// Millrace's own by namespace and name (openlineage/names.h; without a version the newest one is meant). A job is one
// node however often it runs; it says how its last run went. Events of Millrace's own namespace change nothing in the
// graph, which knows them already. Thread-safe.
class Inbox {
 public:
  struct Parts {
    db::Database& database;
    lineage::Store& lineage;
    const Clock& clock;  // the machine's
    std::string own_namespace;
  };
  static Result<std::unique_ptr<Inbox>> open(Parts parts);

  // kInvalidArgument, with what is wrong where. The same event again is kept once.
  Result<void> take(const Json& event);
  // In the order of their coming, after `after`.
  Result<std::vector<Received>> list(std::int64_t after, int limit) const;

 private:
  explicit Inbox(Parts parts) : parts_(std::move(parts)) {}
  Result<bool> keep(db::Transaction& tx, const Message& message, const Json& event);
  Result<void> add_job(db::Transaction& tx, const Message& message);
  Result<std::string> add_dataset(db::Transaction& tx, const DatasetRef& dataset);

  Parts parts_;
};

}  // namespace millrace::openlineage
