#include "replicas/reporter.h"

#include <utility>

#include "base/log.h"

namespace millrace::replicas {
namespace {

constexpr auto kEvery = std::chrono::seconds(5);
static_assert(kEvery * 3 < Roster::kForgottenAfter, "a report or two may be lost");

}  // namespace

Result<std::unique_ptr<Reporter>> Reporter::start(Parts parts) {
  std::unique_ptr<Reporter> reporter(new Reporter(std::move(parts)));
  TRY(Upstream::open(reporter->parts_.server, {}));  // that it can be had later, too
  reporter->thread_ = std::jthread([raw = reporter.get()](const std::stop_token& stop) {
    if (auto server = Upstream::open(raw->parts_.server, stop)) raw->run(*server, stop);
  });
  return reporter;
}

Reporter::~Reporter() {
  thread_ = {};
  say_goodbye();
}

void Reporter::nudge() {
  {
    const std::scoped_lock lock(mutex_);
    news_ = true;
  }
  wake_.notify_one();
}

void Reporter::run(Upstream& server, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    news_ = false;
    lock.unlock();
    // Why the server cannot be reached is the follower's to say.
    if (const auto told = server.report(parts_.report()); !told)
      log::debug("the server was not told of this replica", {{"error", told.error().message}});
    lock.lock();
    wake_.wait_for(lock, stop, kEvery, [this] { return news_; });
  }
}

void Reporter::say_goodbye() const {
  std::stop_source no_longer;
  auto server = Upstream::open(parts_.server, no_longer.get_token());
  if (server) (void)server->say_goodbye(parts_.report().name);
}

}  // namespace millrace::replicas
