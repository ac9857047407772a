#include "db/database.h"

#include <utility>

#include "base/actor.h"
#include "base/log.h"

namespace millrace::db {

namespace {

constexpr int kMaxReaders = 4;

}  // namespace

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
  Connection& connection = *writer_->database.writer_;
  const TransactionState state = connection.state();
  if (state == TransactionState::kOpen || state == TransactionState::kFailed) {
    if (auto status = connection.script("rollback"); !status) log::error(status.error().message);
  }
  writer_->end(writer_->after_rollback);
}

Result<Connection*> Transaction::connection() {
  Connection* connection = writer_->database.writer_.get();
  switch (connection->state()) {
    case TransactionState::kOpen:
      return connection;
    case TransactionState::kFailed:
      return fail(Code::kAborted, "a statement of the transaction has failed; it can only be rolled back");
    case TransactionState::kLost:
      return unavailable("the connection to {} was lost; the transaction is undone", writer_->database.place());
    case TransactionState::kNone:
      break;
  }
  return fail(Code::kAborted, "the transaction has been rolled back");
}

Result<Cursor> Transaction::run(std::string_view sql, std::span<const Value> values) {
  return TRY(connection())->run(sql, values);
}

Result<std::int64_t> Transaction::execute_with(std::string_view sql, std::span<const Value> values) {
  Cursor cursor = TRY(run(sql, values));
  while (TRY(cursor.next())) {
  }
  return writer_->database.writer_->rows_changed();
}

Result<void> Transaction::execute_rows(std::string_view sql, std::span<const Value> values, std::size_t width) {
  if (values.empty()) return {};
  if (width == 0 || values.size() % width != 0) {
    return internal_error("{} values are no rows of {} (in: {})", values.size(), width, sql);
  }
  return TRY(connection())->run_rows(sql, values, width);
}

Result<void> Transaction::settle_numbers() { return TRY(connection())->settle_numbers(); }

Result<void> Transaction::script(const std::string& sql) { return TRY(connection())->script(sql); }

Result<void> Transaction::commit() {
  TRY(TRY(connection())->commit());  // else the destructor rolls back
  const std::unique_ptr<Writer> writer = std::move(writer_);
  writer->end(writer->after_commit);
  return {};
}

// A hook for a rollback is called however the whole ends, as the part has ended without a commit.
Result<void> Transaction::nested(const std::function<Result<void>(Transaction&)>& work) {
  TRY(TRY(connection())->begin_part());
  const std::size_t commit_hooks = writer_->after_commit.size();
  const std::size_t rollback_hooks = writer_->after_rollback.size();
  Result<void> result = work(*this);
  if (result) result = end_part();
  if (result) return {};
  TRY(writer_->database.writer_->undo_part());
  auto& hooks = writer_->after_commit;
  hooks.resize(commit_hooks);
  hooks.insert(hooks.end(), writer_->after_rollback.begin() + static_cast<std::ptrdiff_t>(rollback_hooks),
               writer_->after_rollback.end());
  return result;
}

Result<void> Transaction::end_part() { return TRY(connection())->end_part(); }

void Transaction::after_commit(std::function<void()> hook) { writer_->after_commit.push_back(std::move(hook)); }
void Transaction::after_rollback(std::function<void()> hook) { writer_->after_rollback.push_back(std::move(hook)); }

Database::Database(std::unique_ptr<Backend> backend, std::unique_ptr<Connection> writer)
    : backend_(std::move(backend)), writer_(std::move(writer)) {}

Database::~Database() = default;

const std::string& Database::place() const { return backend_->place(); }

Result<std::unique_ptr<Database>> Database::open(const std::string& uri) {
  std::unique_ptr<Backend> backend = TRY(find_backend(uri));
  std::unique_ptr<Connection> writer = TRY(backend->open_writer());
  return std::unique_ptr<Database>(new Database(std::move(backend), std::move(writer)));
}

Result<Transaction> Database::begin(Durability durability) {
  if (writer_thread_.load() == std::this_thread::get_id()) {
    return internal_error("this thread has a transaction open already");
  }
  std::unique_lock lock(writer_mutex_);
  TRY(writer_->begin(durability));
  writer_thread_.store(std::this_thread::get_id());
  return Transaction(std::make_unique<Transaction::Writer>(*this, std::move(lock)));
}

Result<void> Database::write(const GroupCommit::Work& work) {
  if (writer_thread_.load() == std::this_thread::get_id()) {
    return internal_error("this thread has a transaction open already");
  }
  // Whichever thread does it, it is done for whoever asked.
  return group_.run([&, who = std::string(acting_for())](Transaction& tx) {
    const ActingFor acting(who);
    return work(tx);
  });
}

Result<Database::Reader> Database::read() {
  std::unique_lock lock(readers_mutex_);
  reader_free_.wait(lock, [&] { return !idle_readers_.empty() || readers_ < kMaxReaders; });
  if (idle_readers_.empty()) {
    ++readers_;
    lock.unlock();
    return open_reader();
  }
  Reader reader(idle_readers_.back().release(), GiveBack{this});
  idle_readers_.pop_back();
  return reader;
}

// For a place in `readers_` that has been taken.
Result<Database::Reader> Database::open_reader() {
  auto connection = backend_->open_reader();
  if (connection) return Reader(connection->release(), GiveBack{this});
  const std::lock_guard lock(readers_mutex_);
  --readers_;
  reader_free_.notify_one();
  return std::unexpected(std::move(connection.error()));
}

void Database::give_back(Connection* connection) {
  const std::lock_guard lock(readers_mutex_);
  idle_readers_.emplace_back(connection);
  reader_free_.notify_one();
}

}  // namespace millrace::db
