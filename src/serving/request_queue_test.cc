#include "serving/request_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>

namespace millrace::serving {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

// A queue whose batches wait until the test lets them be answered.
class RequestQueueTest : public testing::Test {
 protected:
  void ask(std::string_view id, InferRequest request = {}) {
    request.id = id;
    queue.add(request, {}, [this, id = std::string(id)](Result<InferAnswer> answer) {
      const std::scoped_lock lock(mutex_);
      answers_[id] = answer ? "answered" : answer.error().message;
      changed_.notify_all();
    });
  }
  // Waits until that many are being scored or have been.
  void wait_for_begun(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return begun_.size() >= count; });
  }
  std::string answer_to(const std::string& id) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return answers_.contains(id); });
    return answers_[id];
  }
  // What the queue told of a request that it answered itself; nothing of one that it did not.
  std::optional<Code> given_up(const std::string& id) {
    const std::scoped_lock lock(mutex_);
    return given_up_.contains(id) ? std::optional(given_up_[id]) : std::nullopt;
  }
  std::vector<std::string> begun() {
    const std::scoped_lock lock(mutex_);
    return begun_;
  }

  std::latch release{1};
  metrics::Registry metrics;

 private:
  void score(RequestQueue::Batch batch) {
    {
      const std::scoped_lock lock(mutex_);
      std::string ids;
      for (const auto& request : batch) ids += std::string(request->request.request().id);
      begun_.push_back(ids);
      changed_.notify_all();
    }
    release.wait();
    for (const auto& request : batch) queue.finish(*request, InferAnswer{});
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> begun_;
  std::map<std::string, std::string> answers_;
  std::map<std::string, Code> given_up_;

 protected:
  RequestQueue queue{"e", [this](RequestQueue&, RequestQueue::Batch batch) { score(batch); },
                     [this](const PendingRequest& request, Code code) {
                       const std::scoped_lock lock(mutex_);
                       given_up_[std::string(request.request.request().id)] = code;
                     },
                     metrics};
};

TEST_F(RequestQueueTest, ServesByPriorityThenAge) {
  queue.configure({.lanes = 1});
  ask("a");
  wait_for_begun(1);
  ask("b");
  ask("c", {.priority = 2});
  ask("d", {.priority = 1});
  ask("e", {.priority = 2});
  release.count_down();
  for (const auto* id : {"a", "b", "c", "d", "e"}) EXPECT_EQ(answer_to(id), "answered");
  EXPECT_THAT(begun(), ElementsAre("a", "d", "c", "e", "b"));
}

TEST_F(RequestQueueTest, TakesWhatWaitsTogether) {
  queue.configure({.lanes = 1, .batch = {.max_rows = 3}});
  ask("a");
  wait_for_begun(1);
  for (const auto* id : {"b", "c", "d", "e"}) ask(id);
  release.count_down();
  for (const auto* id : {"b", "c", "d", "e"}) EXPECT_EQ(answer_to(id), "answered");
  EXPECT_THAT(begun(), ElementsAre("a", "bcd", "e"));
  EXPECT_EQ(queue.status().batches, 3);
  EXPECT_EQ(queue.status().rows, 5);
}

TEST_F(RequestQueueTest, WaitsForMore) {
  queue.configure({.lanes = 2, .batch = {.max_rows = 2, .max_delay = std::chrono::hours(1)}});
  release.count_down();
  ask("a");
  ask("b");
  EXPECT_EQ(answer_to("a"), "answered");
  EXPECT_THAT(begun(), ElementsAre("ab"));
}

TEST_F(RequestQueueTest, HasLanes) {
  queue.configure({.lanes = 3});
  for (const auto* id : {"a", "b", "c", "d"}) ask(id);
  wait_for_begun(3);
  EXPECT_EQ(queue.status().running, 3);
  EXPECT_EQ(queue.status().waiting, 1);
  release.count_down();
  EXPECT_EQ(answer_to("d"), "answered");
}

TEST_F(RequestQueueTest, IsBounded) {
  queue.configure({.lanes = 1, .limit = 1});
  ask("a");
  wait_for_begun(1);
  ask("b");
  ask("c");
  EXPECT_EQ(answer_to("c"), "endpoint e has 1 requests waiting already; try again in a second");
  release.count_down();
  EXPECT_EQ(answer_to("b"), "answered");
  EXPECT_EQ(queue.status().refused, 1);
  EXPECT_EQ(given_up("c"), Code::kUnavailable);
  EXPECT_EQ(given_up("b"), std::nullopt);
}

TEST_F(RequestQueueTest, ADeadlineHoldsWhetherARequestWaitsOrIsScored) {
  queue.configure({.lanes = 1});
  ask("a", {.timeout = milliseconds(20)});
  wait_for_begun(1);
  ask("b", {.timeout = milliseconds(10)});
  ask("c", {.timeout = std::chrono::hours(1)});
  for (const auto* id : {"a", "b"}) EXPECT_THAT(answer_to(id), HasSubstr("deadline passed"));
  release.count_down();
  EXPECT_EQ(answer_to("c"), "answered");
  EXPECT_THAT(begun(), ElementsAre("a", "c"));
  EXPECT_EQ(queue.status().expired, 2);
  for (const auto* id : {"a", "b"}) EXPECT_EQ(given_up(id), Code::kDeadlineExceeded);
}

TEST_F(RequestQueueTest, AStopRefusesWhatWaits) {
  queue.configure({.lanes = 1});
  ask("a");
  wait_for_begun(1);
  ask("b");
  std::jthread stopper([&] { queue.stop(); });
  EXPECT_EQ(answer_to("b"), "the server is stopping");
  release.count_down();
  EXPECT_EQ(answer_to("a"), "answered");
  stopper.join();
  ask("c");
  EXPECT_EQ(answer_to("c"), "the server is stopping");
}

}  // namespace
}  // namespace millrace::serving
