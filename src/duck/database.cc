#include <fmt/format.h>

#include <mutex>

#include "base/files.h"
#include "duck/connection_state.h"
#include "duck/handles.h"

namespace millrace::late {
Result<void> load_duckdb();  // made by cmake/MillraceLateLibrary.cmake
}

namespace millrace::duck {
namespace {

// For the whole instance; the option belongs to an extension, so it is not known before the instance runs.
Result<void> use_utc(duckdb_database instance) {
  ConnectionHandle connection;
  if (duckdb_connect(instance, connection.out()) != DuckDBSuccess) return internal_error("cannot connect to duckdb");
  ResultHandle result;
  if (duckdb_query(connection.get(), "set global TimeZone = 'UTC'", &result.value) != DuckDBSuccess) {
    return std::unexpected(to_error(duckdb_result_error(&result.value)));
  }
  return {};
}

Result<InstanceHandle> start(const Options& options) {
  if (!options.temp_directory.empty()) TRY(make_directories(options.temp_directory));
  ConfigHandle config;
  if (duckdb_create_config(config.out()) != DuckDBSuccess) return internal_error("duckdb has no configuration");
  const std::pair<const char*, std::string> settings[] = {
      {"errors_as_json", "true"},
      {"threads", std::to_string(options.threads)},
      {"memory_limit", fmt::format("{}KiB", options.memory_limit / 1024)},
      {"temp_directory", options.temp_directory.string()},
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
  };
  for (const auto& [name, value] : settings) {
    if (duckdb_set_config(config.get(), name, value.c_str()) != DuckDBSuccess) {
      return internal_error("duckdb refuses {} = {}", name, value);
    }
  }
  InstanceHandle instance;
  char* message = nullptr;
  if (duckdb_open_ext(nullptr, instance.out(), config.get(), &message) != DuckDBSuccess) {
    Error error = to_error(message);
    duckdb_free(message);
    return std::unexpected(std::move(error).in("cannot start duckdb"));
  }
  TRY(use_utc(instance.get()));
  return instance;
}

}  // namespace

struct Database::Instance {
  Options options;
  std::mutex mutex;
  InstanceHandle handle;
};

Database::Database(Options options) : instance_(std::make_shared<Instance>()) {
  instance_->options = std::move(options);
}

Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(Options options) {
  if (options.threads < 1) return invalid_argument("duckdb needs at least one thread, not {}", options.threads);
  TRY(late::load_duckdb());
  return std::unique_ptr<Database>(new Database(std::move(options)));
}

Result<Connection> Database::connect() {
  const std::scoped_lock lock(instance_->mutex);
  if (!instance_->handle) instance_->handle = TRY(start(instance_->options));
  auto state = std::make_unique<Connection::State>();
  state->instance = instance_;
  if (duckdb_connect(instance_->handle.get(), state->handle.out()) != DuckDBSuccess) {
    return internal_error("cannot connect to duckdb");
  }
  return Connection(std::move(state));
}

}  // namespace millrace::duck
