#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "db/connection.h"
#include "db/group_commit.h"
#include "db/row.h"
#include "db/value.h"

namespace millrace::db {

class Database;

// The writer, held from begin() to commit() or destruction, which rolls back. Sees its own changes. Stays on the thread
// that began it; that thread must not begin another meanwhile (kInternal). After a statement has failed it can only be
// rolled back (kAborted), but for what nested() undoes.
class Transaction {
 public:
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  template <class Row, class... Args>
  Result<std::vector<Row>> query(std::string_view sql, const Args&... args) {
    return query_with<Row>(sql, std::array<Value, sizeof...(Args)>{to_value(args)...});
  }
  template <class Row>
  Result<std::vector<Row>> query_with(std::string_view sql, std::span<const Value> values) {
    return read_rows<Row>(TRY(run(sql, values)));
  }

  // Answers the number of rows changed.
  template <class... Args>
  Result<std::int64_t> execute(std::string_view sql, const Args&... args) {
    return execute_with(sql, std::array<Value, sizeof...(Args)>{to_value(args)...});
  }
  Result<std::int64_t> execute_with(std::string_view sql, std::span<const Value> values);

  // Runs `insert into ... values (?, ...)`, whose parameters are those of the one row it names, for each row of
  // `values`, which has them one after another; with PostgreSQL all at once. Of rows that update on conflict no two may
  // conflict with each other. A column has values of one type.
  Result<void> execute_rows(std::string_view sql, std::span<const Value> values, std::size_t width);

  // `insert into ... returning NUMBER` of one row; answers the number.
  template <class... Args>
  Result<std::int64_t> insert(std::string_view sql, const Args&... args) {
    const auto numbers = TRY(query<std::int64_t>(sql, args...));
    if (numbers.size() != 1) return internal_error("{} rows were inserted, not one (in: {})", numbers.size(), sql);
    return numbers.front();
  }

  // Any number of statements without parameters.
  Result<void> script(const std::string& sql);
  // Sees to it that the numbers drawn for new rows come after those that are there, whoever gave them.
  Result<void> settle_numbers();

  Result<void> commit();

  // Runs `work` within this transaction; its error undoes what it did, hooks included, and nothing else.
  Result<void> nested(const std::function<Result<void>(Transaction&)>& work);

  // Called on this thread once the commit is visible to readers and the writer is free again.
  void after_commit(std::function<void()> hook);
  // Called on this thread if the transaction ends without a commit.
  void after_rollback(std::function<void()> hook);

 private:
  friend class Database;
  struct Writer;
  explicit Transaction(std::unique_ptr<Writer> writer);
  Result<Connection*> connection();
  Result<void> end_part();
  Result<Cursor> run(std::string_view sql, std::span<const Value> values);

  std::unique_ptr<Writer> writer_;  // null once ended
};

// The metadata of one server. One writer, several readers that never wait for it. Thread-safe.
class Database {
 public:
  // "sqlite:FILE" or the path of a SQLite file, which is made where there is none, or a PostgreSQL database's URI
  // (postgresql://USER@HOST:PORT/NAME). A damaged file is kDataLoss, a server that does not answer kUnavailable, and a
  // PostgreSQL database that another process writes kFailedPrecondition.
  static Result<std::unique_ptr<Database>> open(const std::string& uri);
  ~Database();

  // What messages call it: a file's path, or a URI without password.
  const std::string& place() const;

  // Reads what was committed when it began; on the thread of an open Transaction too, whose changes it does not see.
  // Row: a struct described by BOOST_DESCRIBE_STRUCT (columns by position), or one value (the first column).
  template <class Row, class... Args>
  Result<std::vector<Row>> query(std::string_view sql, const Args&... args) {
    return query_with<Row>(sql, std::array<Value, sizeof...(Args)>{to_value(args)...});
  }
  // The same for a statement whose number of parameters is only known when it runs.
  template <class Row>
  Result<std::vector<Row>> query_with(std::string_view sql, std::span<const Value> values) {
    const Reader reader = TRY(read());
    return read_rows<Row>(TRY(reader->run(sql, values)));
  }

  // A transaction of one statement; answers the number of rows changed.
  template <class... Args>
  Result<std::int64_t> execute(std::string_view sql, const Args&... args) {
    Transaction tx = TRY(begin());
    const std::int64_t changed = TRY(tx.execute(sql, args...));
    TRY(tx.commit());
    return changed;
  }

  // Waits for the writer.
  Result<Transaction> begin(Durability durability = Durability::kFull);

  // Runs `work` in a transaction that it may share with what other threads write at the same time; one commit and one
  // sync serve all of them. An error of `work` undoes what it did and is answered; else the answer is that of the
  // commit, and a good one is as durable as that of begin() and commit(). `work` may run on another waiting thread and
  // must not wait for one; it leaves the transaction open. Not for a thread with a transaction open (kInternal).
  Result<void> write(const GroupCommit::Work& work);

 private:
  friend class Transaction;
  struct GiveBack {
    Database* database;
    void operator()(Connection* connection) const { database->give_back(connection); }
  };
  using Reader = std::unique_ptr<Connection, GiveBack>;

  Database(std::unique_ptr<Backend> backend, std::unique_ptr<Connection> writer);
  Result<Reader> read();
  Result<Reader> open_reader();
  void give_back(Connection* connection);

  const std::unique_ptr<Backend> backend_;

  std::mutex writer_mutex_;
  std::atomic<std::thread::id> writer_thread_;
  const std::unique_ptr<Connection> writer_;
  GroupCommit group_{*this};

  std::mutex readers_mutex_;
  std::condition_variable reader_free_;
  std::vector<std::unique_ptr<Connection>> idle_readers_;
  int readers_ = 0;
};

}  // namespace millrace::db
