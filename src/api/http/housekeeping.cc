#include "api/http/housekeeping.h"

#include "access/decide.h"
#include "api/http/guard.h"
#include "blob/blob.h"
#include "delivery/event_clock.h"
#include "registry/registry.h"

namespace millrace::api {

namespace {

constexpr int kVersionsAtOnce = 1000;

Result<std::vector<tracking::Need>> registered(const registry::Store& registry) {
  std::vector<tracking::Need> needs;
  registry::SearchRequest request{.limit = kVersionsAtOnce};
  do {
    auto page = TRY(registry.search_versions(request));
    for (const auto& version : page.items) {
      needs.push_back({.who = fmt::format("models:/{}/{}", version.model, version.version),
                       .run_id = version.run_id,
                       .uri = version.location()});
    }
    request.page_token = std::move(page.next);
  } while (!request.page_token.empty());
  return needs;
}

}  // namespace

// Artifacts that lie elsewhere, in a bucket of the user's, are not ours to remove.
tracking::Housekeeping housekeeping(Services& services) {
  return tracking::Housekeeping({.database = services.db,
                                 .events = services.events,
                                 .clock = services.clock,
                                 .ids = services.ids,
                                 .remove = [&](std::string_view uri) -> Result<void> {
                                   return blob::key_of(uri) ? services.blobs.remove(uri) : Result<void>();
                                 },
                                 .find_needs = [&] { return registered(services.registry); }});
}

Result<void> may_set_tag(const net::Request& request, std::string_view key) {
  const access::Principal* who = caller(request);
  if (!tracking::is_retention_tag(key) || who == nullptr) return {};
  if (access::decide(who, access::Action::kAdminister)) return {};
  return fail(Code::kPermissionDenied, "the tag {} erases runs for good; only an admin sets or removes it", key);
}

tracking::Retention retention(Services& services) { return {services.db, services.clock, housekeeping(services)}; }

}  // namespace millrace::api
