#include "app/import.h"

#include <fmt/core.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/print.h"

namespace millrace::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string uri;
  std::string home = "millrace-home";
  std::string db;
  std::string place;      // of the home folder's artifacts
  std::string artifacts;  // of the MLflow
  bool merge = false;
};

Json to_json(const app::Imported& imported) {
  Json kinds = Json::array();
  for (const auto& kind : imported.comparison.kinds) {
    kinds.push_back({{"kind", kind.kind},
                     {"rows_there", kind.there.rows()},
                     {"rows_here", kind.here.rows()},
                     {"hash_there", kind.there.hash()},
                     {"hash_here", kind.here.hash()},
                     {"equal", kind.there == kind.here}});
  }
  Json left = Json::array();
  for (const auto& one : imported.left_behind) left.push_back({{"what", one.what}, {"count", one.count}});
  Json faults = Json::array();
  for (const auto& fault : imported.carried.faults) {
    faults.push_back({{"record", fault.record}, {"message", fault.message}});
  }
  return {{"from", imported.from},
          {"equal", imported.equal()},
          {"items", std::move(kinds)},
          {"differ", imported.comparison.differ},
          {"left_behind", std::move(left)},
          {"refused", std::move(faults)},
          {"artifacts_elsewhere", imported.carried.elsewhere},
          {"next", nullptr}};
}

void print_table(const app::Imported& imported) {
  Table table({{"KIND"}, {"THERE", Align::kRight}, {"HERE", Align::kRight}, {"CONTENTS"}});
  for (const auto& kind : imported.comparison.kinds) {
    table.add({kind.kind, std::to_string(kind.there.rows()), std::to_string(kind.here.rows()),
               kind.there == kind.here ? "equal" : "DIFFER"});
  }
  fmt::print("{}", table.text());
}

void print_rest(const app::Imported& imported) {
  for (const auto& one : imported.left_behind) fmt::print("not carried: {} {}\n", one.count, one.what);
  const auto& elsewhere = imported.carried.elsewhere;
  if (!elsewhere.empty()) {
    fmt::print(
        "not copied: the artifacts in {} folders that are not on this machine, such as {}; name the root of "
        "mlflow-artifacts:/ with --artifacts\n",
        elsewhere.size(), elsewhere.front());
  }
  for (const auto& fault : imported.carried.faults) fmt::print("refused: {}: {}\n", fault.record, fault.message);
  for (const auto& record : imported.comparison.differ) fmt::print("differs: {}\n", record);
  std::int64_t sent = 0;
  for (const auto& [kind, count] : imported.carried.sent) sent += count;
  fmt::print("{} records were new or changed, {} metric points and {} files of {:.1f} MB came with them\n", sent,
             imported.carried.points, imported.carried.files, static_cast<double>(imported.carried.bytes) / 1e6);
}

Result<void> run(const Arguments& a, Options& options) {
  app::Import import{.from = {.uri = a.uri, .artifacts = a.artifacts.empty() ? "" : fs::absolute(a.artifacts)},
                     .to = {fs::absolute(a.home), a.db},
                     .artifacts = a.place,
                     .same_names = a.merge ? app::SameNames::kMerge : app::SameNames::kRefuse};
  const auto imported = TRY(app::import_mlflow(import));
  if (options.json) {
    print_json(to_json(imported));
  } else {
    print_table(imported);
    print_rest(imported);
  }
  if (!imported.equal()) return data_loss("what is in {} is not all of {}", a.home, imported.from);
  return {};
}

}  // namespace

void add_import(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "import", "Take over what another system keeps");
  auto a = std::make_shared<Arguments>();
  auto* verb = add_verb(noun,
                        {.name = "mlflow",
                         .description = "Bring a whole MLflow into the home folder of a stopped server, and compare",
                         .example = "millrace import mlflow sqlite:///mlflow.db --artifacts ./mlartifacts\n"
                                    "millrace import mlflow ./mlruns --home ./millrace-home\n"
                                    "millrace import mlflow postgresql://mlflow@db.example/mlflow"},
                        options, [a, &options] { return run(*a, options); });
  verb->add_option("URI", a->uri, "sqlite:///FILE, postgresql://USER@HOST/NAME, or the folder of a file store")
      ->required();
  verb->add_option("--artifacts", a->artifacts,
                   "The folder that is mlflow-artifacts:/ there (its --artifacts-destination)")
      ->type_name("DIR");
  verb->add_option("--home", a->home, "The server's home folder; made where there is none")
      ->type_name("DIR")
      ->envname("MILLRACE_HOME")
      ->capture_default_str();
  verb->add_option("--db", a->db, "The server's database, if it is not in the home folder")
      ->type_name("URI")
      ->envname("MILLRACE_DB");
  verb->add_option("--artifacts-place", a->place,
                   "Where the server keeps artifacts, if not in the home folder: s3://BUCKET/PREFIX")
      ->type_name("URI");
  verb->add_flag("--merge", a->merge, "Experiments and registered models of the same name become one");
}

}  // namespace millrace::cli
