#include "replicas/publisher.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "db/db.h"
#include "replicas/schema.h"
#include "serving/serving.h"

namespace millrace::replicas {
namespace {

constexpr auto kRetry = std::chrono::seconds(1);

struct GenerationRow {
  std::int64_t generation = 0;
  std::string digest;
};
BOOST_DESCRIBE_STRUCT(GenerationRow, (), (generation, digest))

// What the server answers by; where it has no model itself, or would load it first, what the arm's name means.
std::optional<std::int64_t> wanted_version(const Manifests& manifests, const serving::EndpointStatus& status,
                                           const serving::ArmStatus& arm) {
  if (arm.version && !status.asleep) return arm.version;
  if (arm.spec.version) return arm.spec.version;
  const auto meant = manifests.version_of(status.spec.model, arm.spec.alias);
  return meant ? std::optional(*meant) : std::nullopt;
}

// None where the service is no more.
std::optional<FeatureState> describe_features(const serving::FindVectors& find, const std::string& service) {
  const auto source = find(service);
  if (!source) return std::nullopt;
  return FeatureState{service, (*source)->inputs(), (*source)->features()};
}

}  // namespace

Result<std::unique_ptr<Publisher>> Publisher::open(Parts parts) {
  TRY(db::migrate(parts.database, "replicas", kMigrations));
  return std::unique_ptr<Publisher>(new Publisher(std::move(parts)));
}

Publisher::~Publisher() { stop(); }

void Publisher::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Publisher::stop() {
  thread_ = {};
  std::list<Waiting> rest;
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    rest.swap(waiting_);
  }
  for (Waiting& waiting : rest) waiting.answer(nullptr);
}

void Publisher::touch() {
  {
    const std::scoped_lock lock(mutex_);
    touched_ = true;
  }
  wake_.notify_one();
}

std::shared_ptr<const PublishedState> Publisher::current() const {
  const std::scoped_lock lock(mutex_);
  return current_;
}

void Publisher::wait(std::string known, Duration patience, Answer answer) {
  std::shared_ptr<const PublishedState> state;
  {
    const std::scoped_lock lock(mutex_);
    state = current_ && current_->etag != known ? current_ : nullptr;
    if (!state && !stopped_ && patience > Duration::zero()) {
      waiting_.push_back({std::chrono::steady_clock::now() + patience, std::move(known), std::move(answer)});
      wake_.notify_one();  // it may be the first to lose patience
      return;
    }
  }
  answer(std::move(state));
}

// Publishes what was touched, and answers whoever waits for it or has waited long enough.
void Publisher::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    sleep(lock, stop);
    const bool touched = std::exchange(touched_, false) || retry_at_ <= std::chrono::steady_clock::now();
    lock.unlock();
    if (touched) publish_or_retry();
    answer_all(take_answered());
    lock.lock();
  }
}

// Until there is something to do, or somebody has lost patience.
void Publisher::sleep(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
  Moment until = retry_at_;
  for (const Waiting& waiting : waiting_) until = std::min(until, waiting.until);
  const auto roused = [&, count = waiting_.size()] { return touched_ || waiting_.size() != count; };
  if (until == Moment::max())
    wake_.wait(lock, stop, roused);
  else
    wake_.wait_until(lock, stop, until, roused);
}

void Publisher::publish_or_retry() {
  const auto published = publish();
  retry_at_ = published ? Moment::max() : std::chrono::steady_clock::now() + kRetry;
  if (!published) log::error("the serving state cannot be published", {{"error", published.error().message}});
}

std::list<Publisher::Waiting> Publisher::take_answered() {
  const auto now = std::chrono::steady_clock::now();
  const std::scoped_lock lock(mutex_);
  std::list<Waiting> answered;
  for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
    const auto next = std::next(waiting);
    if (waiting->until <= now || (current_ && current_->etag != waiting->known))
      answered.splice(answered.end(), waiting_, waiting);
    waiting = next;
  }
  return answered;
}

void Publisher::answer_all(std::list<Waiting> answered) {
  const auto state = current();
  for (Waiting& waiting : answered) waiting.answer(state && state->etag != waiting.known ? state : nullptr);
}

Result<void> Publisher::publish() {
  auto state = TRY(collect());
  const std::scoped_lock lock(mutex_);
  current_ = std::move(state);
  return {};
}

Result<std::shared_ptr<const PublishedState>> Publisher::collect() {
  ServingState state{.event_time = parts_.event_time()};
  for (const auto& status : parts_.endpoints.list()) state.endpoints.push_back(TRY(describe(status, state)));
  std::ranges::sort(state.versions, {}, [](const VersionState& each) { return std::tie(each.model, each.version); });
  const std::string text = to_text(state);
  const std::string digest = sha256(text);
  auto published = std::make_shared<PublishedState>();
  published->generation = TRY(number(digest));
  published->text = to_text(published->generation, text);
  published->etag = etag_of(published->text);
  for (const VersionState& version : state.versions) {
    const auto manifest = TRY(parts_.manifests.find(version.model, version.version));
    for (const ModelFile& file : manifest->files) published->files[file.sha256] = manifest->folder / file.path;
  }
  parts_.manifests.forget_unused();
  return published;
}

Result<EndpointState> Publisher::describe(const serving::EndpointStatus& status, ServingState& state) {
  EndpointState endpoint{.name = status.spec.name,
                         .document = status.spec.document,
                         .routes = status.in_force.routes,
                         .evidence = status.in_force.evidence,
                         .unloaded = status.unloaded};
  if (status.spec.features) endpoint.features = describe_features(parts_.find_vectors, *status.spec.features);
  if (status.spec.composition) {
    TRY(describe_composition(status.arms.front(), endpoint, state));
    return endpoint;
  }
  for (const auto& arm : status.arms) {
    const auto version = wanted_version(parts_.manifests, status, arm);
    if (version && TRY(include(status.spec.model, *version, state))) endpoint.arms[arm.spec.name] = *version;
  }
  for (const auto& shadow : status.shadows) {
    if (shadow.version && TRY(include(status.spec.model, *shadow.version, state)))
      endpoint.shadows[shadow.alias] = *shadow.version;
  }
  return endpoint;
}

// A composition is there with all its members, or not at all.
Result<void> Publisher::describe_composition(const serving::ArmStatus& arm, EndpointState& endpoint,
                                             ServingState& state) {
  if (!arm.version) return {};
  for (const auto& [model, version] : arm.members)
    if (!TRY(include(model, version, state))) return {};
  endpoint.arms[arm.spec.name] = *arm.version;
  endpoint.members = arm.members;
  return {};
}

// Whether its files are there. Where that is not known now, nothing is: replicas shall not lose what they have.
Result<bool> Publisher::include(const std::string& model, std::int64_t version, ServingState& state) {
  const auto manifest = parts_.manifests.find(model, version);
  if (!manifest && manifest.error().code != Code::kNotFound) return std::unexpected(manifest.error());
  if (!manifest) {
    log::warn("replicas cannot have a model version",
              {{"model", model}, {"version", std::to_string(version)}, {"error", manifest.error().message}});
    return false;
  }
  if (state.find_version(model, version) == nullptr) state.versions.push_back({model, version, (*manifest)->files});
  return true;
}

Result<std::int64_t> Publisher::number(const std::string& digest) {
  std::int64_t generation = 0;
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const auto rows = TRY(tx.query<GenerationRow>("select generation, digest from serving_generation where id = 1"));
    generation = rows.empty() ? 1 : rows.front().generation;
    if (!rows.empty() && rows.front().digest == digest) return {};
    if (!rows.empty()) ++generation;
    TRY(tx.execute(R"sql(
insert into serving_generation (id, generation, digest)
values (1, ?, ?)
on conflict (id) do update
set generation = excluded.generation, digest = excluded.digest
)sql",
                   generation, digest));
    return {};
  }));
  return generation;
}

}  // namespace millrace::replicas
