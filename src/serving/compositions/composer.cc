#include "serving/compositions/composer.h"

#include "registry/entities.h"
#include "serving/compositions/chain.h"
#include "serving/compositions/ensemble.h"

namespace millrace::serving {
namespace {

// What a request is checked against where it comes as a table: of a chain the first model's signature; of an ensemble
// its inputs themselves.
std::optional<registry::Signature> signature_of(const CompositionSpec& spec, const Members& models) {
  if (spec.kind == CompositionSpec::Kind::kEnsemble) return std::nullopt;
  auto signature = models[0].signature;
  const auto& last = models[models.size() - 1].signature;
  if (signature) signature->outputs = last ? last->outputs : std::vector<registry::ColumnSpec>{};
  return signature;
}

// "the ensemble of a/3, b/2"
std::string name_of(const CompositionSpec& spec, const std::vector<MemberVersion>& members) {
  std::string names;
  for (const auto& [model, version] : members)
    names += fmt::format("{}{}/{}", names.empty() ? "" : ", ", model, version);
  return fmt::format("the {} of {}", to_text(spec.kind), names);
}

}  // namespace

Result<Members> Composer::load(const Request& request) {
  std::vector<std::shared_ptr<const LoadedModel>> models;
  for (const registry::ModelVersion& version : request.versions)
    models.push_back(TRY(loader_.load(version, request.python)));
  return Members(std::move(models));
}

Result<std::shared_ptr<const LoadedModel>> Composer::compose(const Request& request) {
  if (store_ == nullptr) return fail(Code::kUnimplemented, "endpoints of several models are not served here");
  const CompositionSpec& spec = request.spec;
  Composed composed{.spec = spec, .members = {}};
  for (const registry::ModelVersion& version : request.versions)
    composed.members.push_back({version.model, version.version});
  const Members members = TRY(load(request));
  const bool chain = spec.kind == CompositionSpec::Kind::kChain;
  auto runtime = TRY(chain ? ChainRuntime::make(members) : EnsembleRuntime::make(spec, members));
  const std::int64_t number = TRY(store_->number_of(request.endpoint, composed));
  if (auto kept = find_kept(request, number)) return kept;
  LoadedModel model{.model = name_of(spec, composed.members),
                    .version = number,
                    .runtime = std::move(runtime),
                    .signature = signature_of(spec, members),
                    .members = std::move(composed.members)};
  try_out(model);
  auto made = std::make_shared<const LoadedModel>(std::move(model));
  const std::scoped_lock lock(mutex_);
  kept_[request.endpoint] = {request.python, made};
  return made;
}

std::shared_ptr<const LoadedModel> Composer::find_kept(const Request& request, std::int64_t number) {
  const std::scoped_lock lock(mutex_);
  const auto found = kept_.find(request.endpoint);
  if (found == kept_.end() || found->second.python != request.python) return nullptr;
  auto model = found->second.model.lock();
  return model && model->version == number ? model : nullptr;
}

}  // namespace millrace::serving
