#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "db/connection.h"

namespace millrace::db {

// postgresql://... or postgres://...
bool is_postgres_uri(std::string_view uri);

// The URI as it may be printed: without password.
Result<std::string> printable_uri(const std::string& uri);

// A PostgreSQL database, 13 or newer, in UTF-8; the tables are in the first schema of the search path. Who opens the
// writer holds the database for one process, by an advisory lock of its session: kFailedPrecondition where another has
// it. As only the connection with the lock writes, a writer that lost the lock with its connection writes no more.
//
// A connection that is lost is opened anew for the next read or transaction; until the server answers, these are
// kUnavailable. A transaction that it cuts is kUnavailable and undone. If it was lost within the commit, the server is
// asked what became of it; only if it does not answer in time is that unknown, and the error says so.
Result<std::unique_ptr<Backend>> postgres_backend(const std::string& uri);

}  // namespace millrace::db
