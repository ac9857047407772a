#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

struct AuditArguments {
  std::string who;
  std::shared_ptr<int> limit = std::make_shared<int>(50);
};

std::string audit_target(const AuditArguments& arguments) {
  return arguments.who.empty() ? "/api/v1/audit" : api::target("/api/v1/audit?who={}", arguments.who);
}

Result<void> list_audit(const AuditArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  auto page = TRY(fetch_page(client, audit_target(arguments), *arguments.limit));
  print_page(options, page,
             {.columns = {{"TIME"}, {"WHO"}, {"METHOD"}, {"RESOURCE"}, {"STATUS", Align::kRight}, {"FROM"}},
              .row =
                  [](const Json& item) {
                    return std::vector<std::string>{short_time(item, "time"), cell(item, "who"),
                                                    cell(item, "method"),     shortened(cell(item, "resource"), 60),
                                                    cell(item, "status"),     cell(item, "remote")};
                  },
              .empty = "nothing has been changed yet"});
  return {};
}

// All of it, newest first, an entry a line.
Result<void> export_audit(const AuditArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  for (const auto& entry : TRY(client.list(audit_target(arguments)))) fmt::print("{}\n", dump_json(entry));
  return {};
}

}  // namespace

void add_audit(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "audit", "The audit log: who changed what, and when");
  noun->footer("Examples:\n  millrace audit list --who bob\n  millrace audit export > audit.ndjson");
  auto arguments = std::make_shared<AuditArguments>();
  auto* list = add_verb(noun, {"list", "The newest changes", "millrace audit list --who bob"}, options,
                        [arguments, &options] { return list_audit(*arguments, options); });
  auto* all =
      add_verb(noun, {"export", "The whole log as NDJSON, newest first", "millrace audit export > audit.ndjson"},
               options, [arguments, &options] { return export_audit(*arguments, options); });
  for (auto* command : {list, all})
    command->add_option("--who", arguments->who, "Only what this user did")->type_name("NAME");
  add_limit(list, arguments->limit);
}

}  // namespace millrace::cli
