#include "serving/model_loader.h"

#include "blob/blob.h"
#include "registry/entities.h"
#include "serving/warm_up.h"

namespace millrace::serving {

// Nobody has the version, nor is loading it.
bool ModelLoader::unused(Slot& slot) {
  const std::unique_lock lock(slot.loading, std::try_to_lock);
  return lock.owns_lock() && slot.model.expired();
}

Result<std::shared_ptr<const LoadedModel>> ModelLoader::load(const registry::ModelVersion& version) {
  const std::shared_ptr<Slot> slot = slot_of(version.model, version.version);
  const std::scoped_lock lock(slot->loading);
  if (auto loaded = slot->model.lock()) return loaded;
  const auto in_context = [&](const Error& error) {
    return std::unexpected(Error(error).in(fmt::format("model {} version {}", version.model, version.version)));
  };
  const auto folder = blobs_.local_path(version.location());
  if (!folder) return in_context(folder.error());
  auto runtime = load_runtime(*folder);
  if (!runtime) return in_context(runtime.error());
  warm_up(**runtime);
  const auto described = registry::read_mlmodel(*folder);
  auto loaded = std::make_shared<const LoadedModel>(LoadedModel{
      version.model, version.version, std::move(*runtime), described ? described->signature : registry::Signature{}});
  slot->model = loaded;
  return loaded;
}

std::shared_ptr<ModelLoader::Slot> ModelLoader::slot_of(const std::string& model, std::int64_t version) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(slots_, [](const auto& entry) { return entry.second.use_count() == 1 && unused(*entry.second); });
  std::shared_ptr<Slot>& slot = slots_[{model, version}];
  if (!slot) slot = std::make_shared<Slot>();
  return slot;
}

}  // namespace millrace::serving
