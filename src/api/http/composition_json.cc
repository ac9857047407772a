#include "api/http/composition_json.h"

#include <nlohmann/json.hpp>

#include "serving/serving.h"

namespace millrace::api {
namespace {

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

// `now` is null as long as not all members have their versions.
Json to_json(const serving::MemberSpec& member, const serving::MemberVersion* now, bool final) {
  return {{"model", member.model},
          {"alias", text_or_null(member.alias)},
          {"version", now != nullptr   ? Json(now->version)
                      : member.version ? Json(*member.version)
                                       : Json(nullptr)},
          {"weight", member.weight},
          {"output", text_or_null(member.output)},
          {"class", text_or_null(member.of_class)},
          {"final", final}};
}

}  // namespace

Json composition_json(const serving::EndpointStatus& status) {
  if (!status.spec.composition) return nullptr;
  const auto& spec = *status.spec.composition;
  const auto all = spec.all();
  const auto& now = status.arms.front().members;
  auto members = Json::array();
  for (std::size_t i = 0; i < all.size(); ++i)
    members.push_back(to_json(all[i], i < now.size() ? &now[i] : nullptr, i >= spec.members.size()));
  const bool chain = spec.kind == serving::CompositionSpec::Kind::kChain;
  return {{"kind", serving::to_text(spec.kind)},
          {"combine", chain ? Json(nullptr) : Json(serving::to_text(spec.combine))},
          {"members", std::move(members)}};
}

}  // namespace millrace::api
