#include "serving/runtimes/python_host.h"

#include <array>
#include <string_view>

#include "base/files.h"

namespace millrace::serving {
namespace {

constexpr char kInit[] = {
#embed "../../../python/millrace_worker/__init__.py"
};
constexpr char kMain[] = {
#embed "../../../python/millrace_worker/__main__.py"
};
constexpr char kFrames[] = {
#embed "../../../python/millrace_worker/frames.py"
};
constexpr char kModel[] = {
#embed "../../../python/millrace_worker/model.py"
};

struct SourceFile {
  std::string_view name, text;
};
constexpr std::array kPackage = {
    SourceFile{"__init__.py", {kInit, sizeof kInit}}, SourceFile{"__main__.py", {kMain, sizeof kMain}},
    SourceFile{"frames.py", {kFrames, sizeof kFrames}}, SourceFile{"model.py", {kModel, sizeof kModel}}};

}  // namespace

// The package and the spawner are made when the first Python model is loaded: most servers have none.
Result<void> PythonHost::prepare() {
  const std::scoped_lock lock(mutex_);
  if (spawner_) return {};
  library_ = settings_.home / "python";
  TRY(make_directories(library_ / "millrace_worker"));
  for (const auto& file : kPackage) TRY(write_file(library_ / "millrace_worker" / file.name, file.text));
  spawner_ = TRY(proc::Spawner::open());
  return {};
}

Result<WorkerSettings> PythonHost::worker(const std::string& model, const std::filesystem::path& folder,
                                          const PythonOptions& options) {
  if (settings_.models == Models::kRefused) {
    return failed_precondition("it needs Python, and this server runs no Python models (--no-python-models)");
  }
  TRY(prepare());
  const std::filesystem::path environment = options.environment;
  return WorkerSettings{
      .model = model,
      .folder = folder,
      .library = library_,
      .interpreter = environment.empty() ? settings_.interpreter : (environment / "bin" / "python").string(),
      .environment = environment,
      .memory = options.memory};
}

Result<std::unique_ptr<PythonWorker>> PythonHost::start(const WorkerSettings& settings, std::stop_token stop) {
  return PythonWorker::start(*spawner_, settings, std::move(stop));
}

}  // namespace millrace::serving
