#include "db/database.h"

#include <utility>

#include "base/log.h"

namespace millrace::db {

namespace {
constexpr int kMaxReaders = 4;
}

struct Transaction::Writer {
  Writer(Database& owner, std::unique_lock<std::mutex> held) : database(owner), lock(std::move(held)) {}

  // Frees the writer, then calls the hooks: they may begin transactions of their own.
  void end(std::vector<std::function<void()>>& hooks) {
    database.writer_thread_.store({});
    lock.unlock();
    for (const auto& hook : hooks) hook();
  }

  Database& database;
  std::unique_lock<std::mutex> lock;
  std::vector<std::function<void()>> after_commit;
  std::vector<std::function<void()>> after_rollback;
};

Transaction::Transaction(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}
Transaction::Transaction(Transaction&&) noexcept = default;

Transaction::~Transaction() {
  if (writer_ == nullptr) return;
  Connection& connection = writer_->database.writer_;
  // SQLite may have rolled back by itself, after a full disk for one.
  if (connection.in_transaction()) {
    if (auto status = connection.script("rollback"); !status) log::error(status.error().message);
  }
  writer_->end(writer_->after_rollback);
}

Result<Cursor> Transaction::run(std::string_view sql, std::span<const Value> values) {
  Connection& connection = writer_->database.writer_;
  if (!connection.in_transaction()) return fail(Code::kAborted, "the transaction has been rolled back");
  return connection.run(sql, values);
}

Result<std::int64_t> Transaction::change(std::string_view sql, std::span<const Value> values) {
  Cursor cursor = TRY(run(sql, values));
  while (TRY(cursor.next())) {
  }
  return writer_->database.writer_.rows_changed();
}

Result<void> Transaction::script(const std::string& sql) { return writer_->database.writer_.script(sql); }

std::int64_t Transaction::last_insert_rowid() const { return writer_->database.writer_.last_insert_rowid(); }

Result<void> Transaction::commit() {
  Connection& connection = writer_->database.writer_;
  if (!connection.in_transaction()) return fail(Code::kAborted, "the transaction has been rolled back");
  TRY(connection.script("commit"));  // else the destructor rolls back
  const std::unique_ptr<Writer> writer = std::move(writer_);
  writer->end(writer->after_commit);
  return {};
}

// A hook for a rollback is called however the whole ends, as the part has ended without a commit.
Result<void> Transaction::nested(const std::function<Result<void>(Transaction&)>& work) {
  TRY(execute("savepoint nested"));
  const std::size_t commit_hooks = writer_->after_commit.size();
  const std::size_t rollback_hooks = writer_->after_rollback.size();
  auto result = work(*this);
  if (!result) {
    TRY(execute("rollback to savepoint nested"));
    auto& hooks = writer_->after_commit;
    hooks.resize(commit_hooks);
    hooks.insert(hooks.end(), writer_->after_rollback.begin() + static_cast<std::ptrdiff_t>(rollback_hooks),
                 writer_->after_rollback.end());
  }
  TRY(execute("release savepoint nested"));
  return result;
}

void Transaction::after_commit(std::function<void()> hook) { writer_->after_commit.push_back(std::move(hook)); }
void Transaction::after_rollback(std::function<void()> hook) { writer_->after_rollback.push_back(std::move(hook)); }

Database::Database(std::filesystem::path path, Connection writer)
    : path_(std::move(path)), writer_(std::move(writer)) {}

Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& path) {
  Connection writer = TRY(Connection::open(path, Connection::Access::kReadWrite));
  return std::unique_ptr<Database>(new Database(path, std::move(writer)));
}

Result<Transaction> Database::begin(Durability durability) {
  if (writer_thread_.load() == std::this_thread::get_id()) {
    return internal_error("this thread has a transaction open already");
  }
  std::unique_lock lock(writer_mutex_);
  if (durability != writer_durability_) {
    TRY(writer_.script(durability == Durability::kFull ? "pragma synchronous = full" : "pragma synchronous = normal"));
    writer_durability_ = durability;
  }
  TRY(writer_.script("begin immediate"));
  writer_thread_.store(std::this_thread::get_id());
  return Transaction(std::make_unique<Transaction::Writer>(*this, std::move(lock)));
}

Result<void> Database::write(const GroupCommit::Work& work) {
  if (writer_thread_.load() == std::this_thread::get_id()) {
    return internal_error("this thread has a transaction open already");
  }
  return group_.run(work);
}

Result<Database::Reader> Database::read() {
  std::unique_lock lock(readers_mutex_);
  reader_free_.wait(lock, [&] { return !idle_readers_.empty() || readers_ < kMaxReaders; });
  if (idle_readers_.empty()) {
    Connection connection = TRY(Connection::open(path_, Connection::Access::kReadOnly));
    idle_readers_.push_back(std::make_unique<Connection>(std::move(connection)));
    ++readers_;
  }
  Reader reader(idle_readers_.back().release(), GiveBack{this});
  idle_readers_.pop_back();
  return reader;
}

void Database::give_back(Connection* connection) {
  const std::lock_guard lock(readers_mutex_);
  idle_readers_.emplace_back(connection);
  reader_free_.notify_one();
}

}  // namespace millrace::db
