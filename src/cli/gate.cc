#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Row = std::vector<std::string>;

Result<void> list_gates(int limit, const Options& options) {
  auto client = TRY(connect(options));
  auto page = TRY(fetch_page(client, "/api/v1/gates", limit));
  print_page(options, page,
             {.columns = {{"ID", Align::kRight},
                          {"EVENT TIME"},
                          {"MODEL"},
                          {"VERSION"},
                          {"CHAMPION"},
                          {"METRIC"},
                          {"CHALLENGER", Align::kRight},
                          {"CHAMPION", Align::kRight},
                          {"MARGIN", Align::kRight},
                          {"PASSED"},
                          {"REASON"}},
              .row =
                  [](const Json& item) {
                    return Row{cell(item, "id"),
                               short_time(item, "event_time"),
                               cell(item, "model"),
                               version(item, "version"),
                               version(item, "champion_version"),
                               cell(item, "metric"),
                               decimal(member(item, "challenger"), 4),
                               decimal(member(item, "champion"), 4),
                               cell(item, "margin"),
                               cell(item, "passed"),
                               cell(item, "reason")};
                  },
              .empty = "no gate has decided yet: a pipeline with a `gate` step does; `millrace pipeline list` shows "
                       "the pipelines"});
  return {};
}

}  // namespace

void add_gate(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "gate", "Gates: which challengers passed, which were rejected, and why");
  auto limit = std::make_shared<int>(50);
  auto* list = add_verb(noun,
                        {"list", "The decisions, the newest first",
                         "millrace gate list\nmillrace gate list --json | jq '.items[] | select(.passed)'"},
                        options, [limit, &options] { return list_gates(*limit, options); });
  add_limit(list, limit);
}

}  // namespace millrace::cli
