#include "serving/model_loader.h"

#include "blob/blob.h"
#include "registry/entities.h"
#include "serving/measure.h"
#include "serving/warm_up.h"

namespace millrace::serving {

void try_out(LoadedModel& model) {
  if (!model.runtime->blocks()) return warm_up(*model.runtime);
  model.measured = measure_batches(*model.runtime);
}

// Nobody has the version, nor is loading it.
bool ModelLoader::unused(Slot& slot) {
  const std::unique_lock lock(slot.loading, std::try_to_lock);
  return lock.owns_lock() && slot.model.expired();
}

Result<std::shared_ptr<const LoadedModel>> ModelLoader::load(const registry::ModelVersion& version,
                                                             const PythonOptions& python) {
  const std::shared_ptr<Slot> slot = slot_of({version.model, version.version, version.location(), python});
  const std::scoped_lock lock(slot->loading);
  if (auto loaded = slot->model.lock()) return loaded;
  const auto in_context = [&](const Error& error) {
    return std::unexpected(Error(error).in(fmt::format("model {} version {}", version.model, version.version)));
  };
  const auto folder = blobs_.local_path(version.location());
  if (!folder) return in_context(folder.error());
  auto runtime = load_runtime(*folder, {.name = fmt::format("{}/{}", version.model, version.version),
                                        .python = python_,
                                        .python_options = python,
                                        .rehearsal = rehearsal_});
  if (!runtime) return in_context(runtime.error());
  LoadedModel model{.model = version.model, .version = version.version, .runtime = std::move(*runtime)};
  auto described = registry::read_mlmodel(*folder);
  model.signature = described ? std::move(described->signature) : registry::Signature{};
  model.members = {{version.model, version.version}};
  try_out(model);
  auto loaded = std::make_shared<const LoadedModel>(std::move(model));
  slot->model = loaded;
  return loaded;
}

std::shared_ptr<ModelLoader::Slot> ModelLoader::slot_of(Key key) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(slots_, [](const auto& entry) { return entry.second.use_count() == 1 && unused(*entry.second); });
  std::shared_ptr<Slot>& slot = slots_[std::move(key)];
  if (!slot) slot = std::make_shared<Slot>();
  return slot;
}

void ModelLoader::stop() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [key, slot] : slots_) {
    const std::unique_lock loaded(slot->loading, std::try_to_lock);
    if (const auto model = loaded ? slot->model.lock() : nullptr) model->runtime->stop();
  }
}

}  // namespace millrace::serving
