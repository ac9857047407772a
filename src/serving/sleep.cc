#include "serving/sleep.h"

namespace millrace::serving {
namespace {

// What is known of a model that is not in memory.
class SleepingRuntime final : public Runtime {
 public:
  explicit SleepingRuntime(const Runtime& awake)
      : platform_(awake.platform()), inputs_(awake.inputs()), outputs_(awake.outputs()) {}

  std::string_view platform() const override { return platform_; }
  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  bool blocks() const override { return true; }
  bool batches() const override { return false; }
  Result<std::vector<Tensor>> infer(std::span<const TensorView>) const override {
    return unavailable("the model sleeps; try again");
  }

 private:
  const std::string platform_;
  const std::vector<TensorSpec> inputs_, outputs_;
};

std::shared_ptr<const LoadedModel> asleep(const LoadedModel& model) {
  return std::make_shared<const LoadedModel>(LoadedModel{.model = model.model,
                                                         .version = model.version,
                                                         .runtime = std::make_unique<SleepingRuntime>(*model.runtime),
                                                         .signature = model.signature,
                                                         .measured = model.measured,
                                                         .members = model.members});
}

}  // namespace

Duration IdleWatch::look(const std::string& endpoint, std::uint64_t counted, Timestamp now) {
  const auto [seen, first] = seen_.try_emplace(endpoint, counted, now);
  if (!first && seen->second.counted != counted) seen->second = {counted, now};
  return now - seen->second.since;
}

void IdleWatch::forget(std::string_view endpoint) {
  if (const auto found = seen_.find(endpoint); found != seen_.end()) seen_.erase(found);
}

std::uint64_t requests_counted(const ServedEndpoint& endpoint) {
  std::uint64_t counted = endpoint.meter->failures.total();
  for (const ServedArm& arm : endpoint.arms) {
    if (!arm.statistics) continue;
    const RequestTotals totals = arm.statistics->totals();
    counted += totals.success.count + totals.failure.count;
  }
  return counted;
}

std::shared_ptr<ServedEndpoint> asleep(const ServedEndpoint& endpoint) {
  auto sleeping = std::make_shared<ServedEndpoint>(endpoint);
  sleeping->asleep = true;
  for (ServedArm& arm : sleeping->arms) {
    if (arm.scored.model) arm.scored.model = asleep(*arm.scored.model);
  }
  for (ServedShadow& shadow : sleeping->shadows) {
    if (shadow.scored.model) shadow.scored.model = asleep(*shadow.scored.model);
  }
  return sleeping;
}

}  // namespace millrace::serving
