#include "access/audit.h"

#include "db/db.h"

namespace millrace::access {
namespace {

constexpr std::size_t kLongName = 256;
constexpr std::size_t kLongResource = 1024;

// At most `size` bytes, and no part of a character at the end.
void cut(std::string& text, std::size_t size) {
  if (text.size() <= size) return;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  text.resize(size);
  text += "...";
}

}  // namespace

Result<void> Audit::add(AuditEntry entry) {
  for (auto* name : {&entry.who, &entry.known_by, &entry.remote, &entry.method, &entry.route}) cut(*name, kLongName);
  cut(entry.resource, kLongResource);
  return database_.write([&](db::Transaction& tx) -> Result<void> {
    TRY(tx.execute(
        "insert into audit (time, who, known_by, remote, method, route, resource, status)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        entry.time, entry.who, entry.known_by, entry.remote, entry.method, entry.route, entry.resource, entry.status));
    return {};
  });
}

Result<std::vector<AuditEntry>> Audit::list(std::int64_t before, int limit, std::string_view who) const {
  return database_.query<AuditEntry>(
      "select id, time, who, known_by, remote, method, route, resource, status from audit"
      " where (? = 0 or id < ?) and (? = '' or who = ?) order by id desc limit ?",
      before, before, who, who, limit);
}

}  // namespace millrace::access
