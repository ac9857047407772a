// Keeps an inference server busy from many connections and says how it did, as one JSON object:
//
//   serving_load --port P --target /v2/models/S/infer --bodies FILE [--field "Content-Type: application/json"]...
//                [--grpc] [--connections 16] [--threads 1] [--seconds 3] [--warm-up 0.5] [--rate PER_SECOND]
//   serving_load ... --once FILE      asks each body once and writes the answers
//
// A file of bodies or answers has each of them behind its length, a little-endian 32-bit number. Without bodies it
// GETs; with --grpc the target is a method and the bodies are messages.

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "load.h"

namespace {

using namespace millrace;
static_assert(std::endian::native == std::endian::little);

struct Arguments {
  bench::LoadPlan plan;
  std::string target, bodies, once;
  std::vector<std::string> fields;
  bool grpc = false;
};

std::vector<std::string> split(std::string_view bytes) {
  std::vector<std::string> parts;
  while (bytes.size() >= sizeof(std::uint32_t)) {
    std::uint32_t size = 0;
    std::memcpy(&size, bytes.data(), sizeof size);
    parts.emplace_back(bytes.substr(sizeof size, size));
    bytes.remove_prefix(std::min(bytes.size(), sizeof size + size));
  }
  return parts;
}

std::string join(const std::vector<std::string>& parts) {
  std::string bytes;
  for (const auto& part : parts) {
    const auto size = static_cast<std::uint32_t>(part.size());
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
    bytes += part;
  }
  return bytes;
}

double microseconds(const std::vector<std::uint32_t>& sorted_ns, double quantile) {
  if (sorted_ns.empty()) return 0;
  return sorted_ns[static_cast<std::size_t>(quantile * static_cast<double>(sorted_ns.size() - 1))] / 1e3;
}

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

Json to_json(const bench::LoadPlan& plan, bench::LoadReport report) {
  std::ranges::sort(report.latencies_ns);
  std::ranges::sort(report.late_ns);
  double sum = 0;
  for (const auto ns : report.latencies_ns) sum += ns;
  const auto& latencies = report.latencies_ns;
  Json json{{"connections", plan.connections},
            {"per_second", static_cast<double>(report.answers) / report.seconds},
            {"p50_us", microseconds(latencies, 0.5)},
            {"p99_us", microseconds(latencies, 0.99)},
            {"max_us", microseconds(latencies, 1)},
            {"mean_us", latencies.empty() ? 0 : sum / static_cast<double>(latencies.size()) / 1e3},
            {"sent", report.sent},
            {"failures", report.failures},
            {"client_us", report.sent == 0 ? 0 : processor_seconds() * 1e6 / static_cast<double>(report.sent)}};
  if (plan.rate > 0) json["late_p99_us"] = microseconds(report.late_ns, 0.99);
  if (!report.first_failure.empty()) json["first_failure"] = report.first_failure;
  return json;
}

Result<void> run(const Arguments& arguments) {
  const std::string host = fmt::format("127.0.0.1:{}", arguments.plan.port);
  const auto bodies = arguments.bodies.empty() ? std::vector<std::string>() : split(TRY(read_file(arguments.bodies)));
  const auto script = arguments.grpc ? bench::grpc_script(host, arguments.target, bodies)
                                     : bench::http_script({host, arguments.target, arguments.fields}, bodies);
  if (!arguments.once.empty())
    return write_file(arguments.once, join(TRY(bench::ask_once(arguments.plan.port, *script))));
  fmt::print("{}\n", dump_json(to_json(arguments.plan, TRY(bench::run_load(arguments.plan, *script)))));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("load for an inference server on this machine");
  app.add_option("--port", arguments.plan.port)->required();
  app.add_option("--target", arguments.target)->required();
  app.add_option("--bodies", arguments.bodies)->check(CLI::ExistingFile);
  app.add_option("--once", arguments.once);
  app.add_option("--field", arguments.fields);
  app.add_flag("--grpc", arguments.grpc);
  app.add_option("--connections", arguments.plan.connections);
  app.add_option("--threads", arguments.plan.threads);
  app.add_option("--seconds", arguments.plan.seconds);
  app.add_option("--warm-up", arguments.plan.warm_up);
  app.add_option("--rate", arguments.plan.rate);
  CLI11_PARSE(app, argc, argv);
  if (const auto done = run(arguments); !done) {
    fmt::print(stderr, "{}\n", done.error().message);
    return 1;
  }
  return 0;
}
