#include "transfer/sync.h"

#include <fmt/core.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/cli.h"
#include "cli/credentials.h"
#include "cli/print.h"
#include "transfer/server_target.h"

namespace millrace::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string from;
  std::string to;
  std::string from_token;
  std::string artifacts;
  bool follow = false;
};

volatile std::sig_atomic_t interrupted = 0;

void note_interrupt(int) { interrupted = 1; }

// Looks up in short steps, so that Ctrl-C is soon heard.
bool wait(Duration duration) {
  constexpr auto kStep = std::chrono::milliseconds(100);
  for (Duration left = duration; left > Duration::zero() && interrupted == 0; left -= kStep) {
    std::this_thread::sleep_for(std::min<Duration>(left, kStep));
  }
  return interrupted == 0;
}

Json to_json(const transfer::Carried& carried) {
  Json seen = Json::object();
  Json sent = Json::object();
  for (const auto& [kind, count] : carried.seen) seen[transfer::to_text(kind)] = count;
  for (const auto& [kind, count] : carried.sent) sent[transfer::to_text(kind)] = count;
  Json refused = Json::array();
  for (const auto& fault : carried.faults) refused.push_back({{"record", fault.record}, {"message", fault.message}});
  return {{"seen", std::move(seen)},       {"sent", std::move(sent)},
          {"points", carried.points},      {"files", carried.files},
          {"bytes", carried.bytes},        {"running", carried.running},
          {"refused", std::move(refused)}, {"artifacts_elsewhere", carried.elsewhere}};
}

std::int64_t count_of(const std::map<transfer::Kind, std::int64_t>& counts, transfer::Kind kind) {
  const auto found = counts.find(kind);
  return found == counts.end() ? 0 : found->second;
}

void print_summary(const transfer::Carried& carried, const std::string& to) {
  using transfer::Kind;
  for (const auto& fault : carried.faults) fmt::print("refused: {}: {}\n", fault.record, fault.message);
  if (!carried.elsewhere.empty()) {
    fmt::print("the artifacts in {} folders are not on this machine and stay where they are, such as {}\n",
               carried.elsewhere.size(), carried.elsewhere.front());
  }
  fmt::print("{} runs, {} logged models, {} traces and {} model versions are in {}\n",
             count_of(carried.seen, Kind::kRun), count_of(carried.seen, Kind::kLoggedModel),
             count_of(carried.seen, Kind::kTrace), count_of(carried.seen, Kind::kVersion), to);
  fmt::print("sent now: {} runs, {} metric points, {} files of {:.1f} MB\n", count_of(carried.sent, Kind::kRun),
             carried.points, carried.files, static_cast<double>(carried.bytes) / 1e6);
}

Result<void> run(const Arguments& a, Options& options) {
  const std::string to = a.to.empty() ? options.server : a.to;
  if (a.from == to) return invalid_argument("{} is where it comes from and where it should go", to);
  const auto source = TRY(transfer::open_source({.uri = a.from,
                                                 .artifacts = a.artifacts.empty() ? "" : fs::absolute(a.artifacts),
                                                 .token = a.from_token,
                                                 .ca_file = options.ca_file},
                                                transfer::View::kRecordByRecord));
  Options there = options;
  there.server = to;
  const auto target = TRY(transfer::ServerTarget::open(to, client_options(there)));
  std::signal(SIGINT, note_interrupt);
  std::signal(SIGTERM, note_interrupt);
  const auto carried = TRY(transfer::sync(*source, *target,
                                          {.until = a.follow ? transfer::Until::kEnded : transfer::Until::kCarried,
                                           .tell = [](const std::string& line) { fmt::print(stderr, "{}\n", line); },
                                           .wait = wait}));
  if (options.json) {
    print_json(to_json(carried));
  } else {
    print_summary(carried, to);
  }
  if (carried.faults.empty()) return {};
  return failed_precondition("{} records were refused", carried.faults.size());
}

}  // namespace

void add_sync(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand("sync", "Carry what was logged offline to a server");
  auto a = std::make_shared<Arguments>();
  command
      ->add_option(
          "FROM", a->from,
          "What MLflow's client logged to: sqlite:///FILE, a folder (./mlruns), or the URL of another millrace server")
      ->required();
  command->add_option("--to", a->to, "The server; else that of --server")->type_name("URL");
  command->add_flag("--follow", a->follow, "Go on as runs grow, until all have ended");
  command->add_option("--artifacts", a->artifacts, "The folder that is mlflow-artifacts:/ at FROM")->type_name("DIR");
  command->add_option("--from-token", a->from_token, "A token for FROM, if that is a server with users")
      ->envname("MILLRACE_FROM_TOKEN");
  command->footer(
      "It may be interrupted, killed and run again at any moment: what is there is not sent again, and nothing is\n"
      "doubled. While the server cannot be reached, it waits. The server is shown MILLRACE_TOKEN, or what\n"
      "`millrace login` keeps.\n"
      "Examples:\n  millrace sync sqlite:///mlflow.db --to https://millrace.example\n"
      "  millrace sync ./mlruns --to https://millrace.example --follow\n"
      "  millrace sync http://127.0.0.1:8080 --to https://millrace.example");
  command->callback(guarded(options, [a, &options] { return run(*a, options); }));
}

}  // namespace millrace::cli
