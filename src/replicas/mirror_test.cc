#include "replicas/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "base/hash.h"
#include "replicas/publisher.h"
#include "serving/home_for_tests.h"

namespace millrace::replicas {
namespace {

using serving::Home;
using serving::Row;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using State = std::shared_ptr<const PublishedState>;

// A server's half.
struct Serving {
  Home home;
  serving::Endpoints endpoints{with_notes()};
  std::unique_ptr<Publisher> publisher;

  Serving() {
    publisher = open();
    publisher->start();
  }
  serving::Endpoints::Parts with_notes() {
    auto parts = home.parts();
    parts.on_change = [this] {
      if (publisher) publisher->touch();
    };
    return parts;
  }
  std::unique_ptr<Publisher> open() {
    return MUST(Publisher::open(
        {*home.db, endpoints, {*home.registry, *home.blobs}, home.parts().find_vectors, [] { return std::nullopt; }}));
  }
  void apply(const std::string& document) { MUST(endpoints.apply(MUST(serving::parse_endpoint(document)))); }
  State next(const std::string& known) {
    std::promise<State> told;
    publisher->wait(known, std::chrono::seconds(60), [&](State state) { told.set_value(std::move(state)); });
    return told.get_future().get();
  }
  // Once a state says that this is so.
  State when(const std::function<bool(const ServingState&)>& condition) {
    State state = next("");
    while (!condition(MUST(parse_state(state->text)).state)) state = next(state->etag);
    return state;
  }
  State when_champion(std::int64_t version) {
    return when([&](const ServingState& state) {
      return state.endpoints.size() == 1 && state.endpoints[0].arms.contains("champion") &&
             state.endpoints[0].arms.at("champion") == version;
    });
  }
};

// A replica's half.
struct Following {
  Home home;
  serving::Endpoints endpoints{home.parts()};
  State served;  // whose files are fetched
  int fetches = 0;
  ModelCache cache = serving::must(
      ModelCache::open(home.folder.path() / "cache", [this](const ModelFile& file, std::uint64_t at, std::size_t most) {
        ++fetches;
        const auto found = served->files.find(file.sha256);
        if (found == served->files.end()) return Result<std::string>(not_found("gone"));
        return Result<std::string>(MUST(read_file(found->second)).substr(at, most));
      }));
  std::unique_ptr<RemoteFeatures> features =
      serving::must(RemoteFeatures::open({.url = "http://127.0.0.1:1", .options = {}}));
  Mirror mirror{{*home.registry, *home.routes, *home.compositions, endpoints, *features, cache}};

  std::vector<Problem> take(State state) {
    served = std::move(state);
    return mirror.take(MUST(parse_state(served->text)).state);
  }
};

std::string answer_of(const serving::Endpoints& endpoints, double a, std::string_view id) {
  const Row row(a, 0.25);
  const auto answer = endpoints.infer("e", row.request(id));
  if (!answer) return answer.error().message;
  return fmt::format("{} by {}", values_of(*answer).at(0), answer->version);
}

constexpr auto kOne = R"({"kind": "Endpoint", "name": "e", "model": "m"})";
constexpr auto kTwo = R"({"kind": "Endpoint", "name": "e", "model": "m", "shadow": "third",
  "routes": {"arms": [{"name": "champion", "weight": 3}, {"name": "next", "weight": 1}]}})";

TEST(MirrorTest, AnswersAsItsServerDoes) {
  Serving server;
  Following replica;
  server.home.set_alias("champion", server.home.add_version(1, {"a", "b"}));
  server.home.set_alias("next", server.home.add_version(2, {"a", "b"}));
  server.home.set_alias("third", server.home.add_version(3, {"a", "b"}));
  server.apply(kTwo);
  EXPECT_THAT(replica.take(server.when_champion(1)), IsEmpty());
  std::set<std::string> versions;
  for (int i = 0; i < 40; ++i) {
    const std::string id = std::to_string(i), answer = answer_of(server.endpoints, i / 10.0, id);
    EXPECT_EQ(answer_of(replica.endpoints, i / 10.0, id), answer);
    versions.insert(answer.substr(answer.size() - 1));
  }
  EXPECT_EQ(versions.size(), 2) << "both arms were asked";
  EXPECT_EQ(replica.endpoints.find("e")->shadows[0].version, 3);
  EXPECT_EQ(replica.endpoints.find("e")->shadows[0].compared, 40);
}

TEST(MirrorTest, FollowsEveryChangeAndFetchesNothingTwice) {
  Serving server;
  Following replica;
  const auto one = server.home.add_version(1, {"a", "b"}), two = server.home.add_version(2, {"a", "b"});
  server.home.set_alias("champion", one);
  server.apply(kOne);
  EXPECT_THAT(replica.take(server.when_champion(one)), IsEmpty());
  int fetches = 0;
  for (const auto version : {two, one, two}) {
    fetches = version == one ? replica.fetches : fetches;
    server.home.set_alias("champion", version);
    MUST(server.endpoints.refresh("m"));
    EXPECT_THAT(replica.take(server.when_champion(version)), IsEmpty());
    EXPECT_EQ(answer_of(replica.endpoints, 1, "p"), answer_of(server.endpoints, 1, "p"));
  }
  EXPECT_THAT(replica.take(replica.served), IsEmpty());
  EXPECT_EQ(replica.fetches, fetches) << "both were there before the way back";

  MUST(server.endpoints.unload("e"));
  EXPECT_THAT(replica.take(server.when([](const auto& state) { return state.endpoints[0].unloaded; })), IsEmpty());
  EXPECT_THAT(answer_of(replica.endpoints, 1, "p"), HasSubstr("unloaded"));
  MUST(server.endpoints.load("e"));
  EXPECT_THAT(replica.take(server.when([](const auto& state) { return !state.endpoints[0].unloaded; })), IsEmpty());
  EXPECT_EQ(answer_of(replica.endpoints, 1, "p"), answer_of(server.endpoints, 1, "p"));

  MUST(server.endpoints.remove("e"));
  EXPECT_THAT(replica.take(server.when([](const auto& state) { return state.endpoints.empty(); })), IsEmpty());
  EXPECT_THAT(replica.endpoints.names(), IsEmpty());
}

TEST(MirrorTest, AVersionThatFailsLeavesTheOneBefore) {
  Serving server;
  Following replica;
  server.home.set_alias("champion", server.home.add_version(1, {"a", "b"}));
  server.apply(kOne);
  EXPECT_THAT(replica.take(server.when_champion(1)), IsEmpty());
  const std::string before = answer_of(replica.endpoints, 1, "p");
  server.home.set_alias("champion", server.home.add_version(2, {"a", "b"}));
  MUST(server.endpoints.refresh("m"));
  const State state = server.when_champion(2);
  auto without_files = std::make_shared<PublishedState>(*state);
  without_files->files.clear();
  const auto problems = replica.take(without_files);
  ASSERT_EQ(problems.size(), 1);
  EXPECT_EQ(problems[0].endpoint, "e");
  EXPECT_THAT(problems[0].message, HasSubstr("gone"));
  EXPECT_EQ(answer_of(replica.endpoints, 1, "p"), before);
  EXPECT_THAT(replica.take(state), IsEmpty()) << "it is tried again";
  EXPECT_EQ(answer_of(replica.endpoints, 1, "p"), answer_of(server.endpoints, 1, "p"));
}

TEST(MirrorTest, AModelThatWasMadeAnewIsAnother) {
  Serving server;
  Following replica;
  server.home.set_alias("champion", server.home.add_version(1, {"a", "b"}));
  server.apply(kOne);
  EXPECT_THAT(replica.take(server.when_champion(1)), IsEmpty());
  const std::string before = answer_of(server.endpoints, 1, "p");
  MUST(server.endpoints.remove("e"));
  MUST(server.home.registry->delete_model("m"));
  EXPECT_EQ(server.home.add_version(2, {"a", "b"}), 1);
  server.home.set_alias("champion", 1);
  server.apply(kOne);
  EXPECT_NE(answer_of(server.endpoints, 1, "p"), before);
  EXPECT_THAT(replica.take(server.when_champion(1)), IsEmpty());
  EXPECT_EQ(answer_of(replica.endpoints, 1, "p"), answer_of(server.endpoints, 1, "p"));
}

TEST(PublisherTest, TheSameStateKeepsItsNumberAndAnotherHasTheNext) {
  Serving server;
  server.home.set_alias("champion", server.home.add_version(1, {"a", "b"}));
  server.apply(kOne);
  const State first = server.when_champion(1);
  server.publisher.reset();
  server.publisher = server.open();
  EXPECT_EQ(server.publisher->current(), nullptr) << "not before it starts";
  server.publisher->start();
  const State again = server.when_champion(1);
  EXPECT_EQ(again->generation, first->generation);
  EXPECT_EQ(again->etag, first->etag);
  server.home.set_alias("champion", server.home.add_version(2, {"a", "b"}));
  MUST(server.endpoints.refresh("m"));
  EXPECT_EQ(server.when_champion(2)->generation, first->generation + 1);
}

TEST(PublisherTest, WhoWaitsIsAnswered) {
  Serving server;
  const State first = server.next("");
  std::promise<State> impatient;
  server.publisher->wait(first->etag, std::chrono::milliseconds(20), [&](State state) { impatient.set_value(state); });
  EXPECT_EQ(impatient.get_future().get(), nullptr);
  std::atomic<int> answers = 0;
  std::promise<void> all;
  for (int i = 0; i < 100; ++i)
    server.publisher->wait(first->etag, std::chrono::minutes(1), [&](const State& state) {
      EXPECT_NE(state, nullptr);
      if (++answers == 100) all.set_value();
    });
  server.home.set_alias("champion", server.home.add_version(1, {"a", "b"}));
  server.apply(kOne);
  all.get_future().wait();
  std::promise<State> stopped;
  server.publisher->wait(server.when_champion(1)->etag, std::chrono::minutes(1),
                         [&](State state) { stopped.set_value(state); });
  server.publisher->stop();
  EXPECT_EQ(stopped.get_future().get(), nullptr);
  server.publisher->wait("", std::chrono::minutes(1), [](const State& state) { EXPECT_NE(state, nullptr); });
}

}  // namespace
}  // namespace millrace::replicas
