#include "search/find.h"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <random>

#include "base/ids.h"
#include "db/db.h"
#include "db/testing.h"
#include "search/evaluate.h"
#include "search/page_token.h"
#include "search/query.h"
#include "search/things_for_tests.h"

namespace millrace::search {
namespace {

struct Thing {
  std::int64_t number = 0;
  std::string id;
  std::int64_t group = 0;
  std::string name;
  std::optional<std::string> note;
  std::int64_t started = 0;
  std::optional<std::int64_t> ended;
  std::map<std::string, double> metrics;
  std::map<std::string, std::string> params;
  std::vector<std::pair<std::string, std::string>> labels;
};

// Things in a database, and the same in memory, where the language's meaning is written a second time, plainly.
class Things : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / RandomIds().next();
    std::filesystem::create_directories(folder_);
    database_ = db::open_for_test(folder_);
    db::Transaction tx = MUST(database_->begin());
    MUST(tx.script(kThingTables));
    for (int i = 1; i <= 300; ++i) add(tx, random_thing(i));
    MUST(tx.commit());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  unsigned draw(unsigned below) { return static_cast<unsigned>(random_() % below); }
  bool chance(unsigned percent) { return draw(100) < percent; }

  Thing random_thing(std::int64_t number) {
    Thing thing{.number = number,
                .id = fmt::format("{:08x}", random_()),
                .group = draw(3),
                .name = std::string(1, static_cast<char>('a' + draw(4))) + std::to_string(draw(3)),
                .started = static_cast<std::int64_t>(draw(20)) * 500};
    if (chance(60)) thing.note = chance(50) ? "x" : "y";
    if (chance(60)) thing.ended = thing.started + draw(3000);
    for (const char* key : {"m1", "m2", "m 3"}) {
      if (chance(70)) thing.metrics[key] = chance(10) ? NAN : static_cast<double>(draw(7)) - 3;
    }
    for (const char* key : {"p1", "p2", "is_prompt"}) {
      if (chance(50))
        thing.params[key] = chance(30) ? "true" : std::string(1 + draw(3), static_cast<char>('a' + draw(2)));
    }
    for (unsigned n = draw(3); n > 0; --n)
      thing.labels.emplace_back(chance(50) ? "d1" : "d2", chance(50) ? "train" : "eval");
    return thing;
  }

  void add(db::Transaction& tx, const Thing& thing) {
    MUST(tx.execute("insert into things values (?, ?, ?, ?, ?, ?, ?)", thing.number, thing.id, thing.group, thing.name,
                    thing.note, thing.started, thing.ended));
    for (const auto& [key, value] : thing.metrics) {
      MUST(tx.execute("insert into numbers values (?, ?, ?, ?)", thing.number, key, std::isnan(value) ? 0 : value,
                      std::isnan(value)));
    }
    for (const auto& [key, value] : thing.params) {
      MUST(tx.execute("insert into texts values (?, ?, ?)", thing.number, key, value));
    }
    for (const auto& [name, kind] : thing.labels) {
      MUST(tx.execute("insert into labels values (?, ?, ?)", thing.number, name, kind));
    }
    things_.push_back(thing);
  }

  Request request(std::string filter, std::vector<std::string> order_by = {}) const {
    return {.schema = thing_schema(), .filter = std::move(filter), .order_by = std::move(order_by)};
  }

  std::vector<std::int64_t> all(const Request& request, int page) const {
    std::vector<std::int64_t> numbers;
    std::string token;
    do {
      const Found found = MUST(find(*database_, request, page, token));
      numbers.insert(numbers.end(), found.numbers.begin(), found.numbers.end());
      token = found.next;
    } while (!token.empty());
    return numbers;
  }

  static std::vector<Stored> values_of(const Thing& thing, const Reference& reference) {
    std::vector<Stored> values;
    if (reference.entity == "metric") {
      if (const auto found = thing.metrics.find(reference.key); found != thing.metrics.end()) return {found->second};
    } else if (reference.entity == "parameter") {
      if (const auto found = thing.params.find(reference.key); found != thing.params.end()) return {found->second};
    } else if (reference.entity == "dataset") {
      for (const auto& [name, kind] : thing.labels) values.emplace_back(reference.key == "name" ? name : kind);
    } else if (reference.key == "note") {
      if (thing.note) return {*thing.note};
    } else if (reference.key == "end_time") {
      if (thing.ended) return {*thing.ended};
    } else {
      return {reference.key == "run_id"       ? Stored(thing.id)
              : reference.key == "name"       ? Stored(thing.name)
              : reference.key == "start_time" ? Stored(thing.started)
                                              : Stored(thing.group)};
    }
    return values;
  }

  // Smaller is earlier: missing last, NaN before it, both ways.
  static int compare(const Thing& a, const Thing& b, const OrderTerm& term) {
    const auto left = values_of(a, term.reference), right = values_of(b, term.reference);
    const auto rank = [](const std::vector<Stored>& v) {
      return v.empty() ? 2 : std::holds_alternative<double>(v[0]) && std::isnan(std::get<double>(v[0])) ? 1 : 0;
    };
    if (rank(left) != rank(right)) return rank(left) < rank(right) ? -1 : 1;
    if (rank(left) != 0 || left[0] == right[0]) return 0;
    return (left[0] < right[0]) == (term.direction == Direction::kAscending) ? -1 : 1;
  }

  std::vector<std::int64_t> expected(const Request& request) const {
    const auto tree = MUST(bind(MUST(parse_filter(request.filter)), thing_schema(), request.now));
    const auto terms = MUST(bind_order(request.order_by, thing_schema()));
    std::vector<const Thing*> found;
    for (const Thing& thing : things_) {
      if (request.scope && std::ranges::find(request.scope->values, thing.group) == request.scope->values.end())
        continue;
      if (evaluate(tree, [&](const Clause& clause) { return holds(clause, values_of(thing, clause.reference)); })) {
        found.push_back(&thing);
      }
    }
    std::ranges::sort(found, [&](const Thing* a, const Thing* b) {
      for (const OrderTerm& term : terms) {
        if (const int order = compare(*a, *b, term); order != 0) return order < 0;
      }
      return std::pair(-a->started, a->id) < std::pair(-b->started, b->id);
    });
    std::vector<std::int64_t> numbers;
    for (const Thing* thing : found) numbers.push_back(thing->number);
    return numbers;
  }

  template <class... Choices>
  std::string one_of(Choices... choices) {
    const std::array<std::string, sizeof...(Choices)> all{choices...};
    return all[draw(sizeof...(Choices))];
  }

  std::string random_leaf() {
    const std::string op = one_of("=", "!=", "<", "<=", ">", ">=");
    const std::string same = one_of("=", "!=");
    const std::string null = one_of(" IS NULL", " IS NOT NULL");
    const std::string in = one_of(" IN ", " NOT IN ");
    const std::string like = one_of(" LIKE ", " ILIKE ", " RLIKE ");
    switch (draw(10)) {
      case 0:
      case 1:
        return fmt::format("metrics.{} {} {}", one_of("m1", "m2", "`m 3`"), op, static_cast<int>(draw(7)) - 3);
      case 2:
        return one_of("metrics.m1", "params.p1", "note", "end_time", "dataset.name", "params.is_prompt") + null;
      case 3:
        return fmt::format("params.{} {} '{}'", one_of("p1", "p2", "is_prompt"), same,
                           one_of("a", "bb", "true", "false"));
      case 4:
        return one_of("params.p1", "name", "note", "dataset.context") + like +
               one_of("'%a%'", "'A_'", "'%'", "'t%'", "'^?a'");
      case 5:
        return fmt::format("metrics.m2{}({}, {})", in, static_cast<int>(draw(7)) - 3, static_cast<int>(draw(7)) - 3);
      case 6:
        return one_of("params.p2", "name", "dataset.name", "note") + in + "('a', 'a0', 'd1', 'x')";
      case 7:
        return fmt::format("{} {} {}", one_of("start_time", "end_time", "created"), op, one_of("1", "3", "2.5", "7"));
      case 8:
        return fmt::format("experiment_id{}('1', '2')", in);
      default:
        return fmt::format("dataset.{} {} '{}'", one_of("name", "context"), same, one_of("d1", "train"));
    }
  }

  std::string random_filter(int depth) {
    if (depth == 0 || chance(30)) return random_leaf();
    if (chance(20)) return "NOT (" + random_filter(depth - 1) + ")";
    return fmt::format("({} {} {})", random_filter(depth - 1), one_of("AND", "OR"), random_filter(depth - 1));
  }

  std::vector<std::string> random_order() {
    std::vector<std::string> order;
    for (const char* by : {"metrics.m1", "params.p1", "end_time", "name", "metrics.`m 3`", "start_time"}) {
      if (chance(25)) order.push_back(by + one_of("", " ASC", " DESC"));
    }
    std::ranges::shuffle(order, random_);
    return order;
  }

  std::mt19937 random_{11};
  std::filesystem::path folder_;
  std::unique_ptr<db::Database> database_;
  std::vector<Thing> things_;
};

TEST_F(Things, AreFoundAsThePlainMeaningSays) {
  for (int i = 0; i < 600; ++i) {
    Request asked = request(random_filter(3), random_order());
    if (chance(30))
      asked.scope = Scope{"things.grp", chance(50) ? std::vector<std::int64_t>{1} : std::vector<std::int64_t>{0, 2}};
    SCOPED_TRACE(fmt::format("{} order by {}", asked.filter, fmt::join(asked.order_by, ", ")));
    const auto numbers = expected(asked);
    EXPECT_EQ(all(asked, 37), numbers);
    EXPECT_EQ(MUST(count(*database_, asked)), std::ssize(numbers));
  }
}

TEST_F(Things, EveryPlanFindsTheSame) {
  for (int i = 0; i < 200; ++i) {
    const Request asked =
        request(fmt::format("metrics.m1 > {} AND metrics.m2 < {} AND params.p1 IN ('a', 'b', 'true')",
                            static_cast<int>(draw(5)) - 3, static_cast<int>(draw(5)) - 1),
                {"metrics.`m 3`" + one_of("", " DESC"), one_of("metrics.m1 DESC", "params.p1", "name")});
    const Query query = MUST(read(asked));
    const auto run = [&](const Plan& plan, int part) {
      const Statement statement = numbers_statement(query, plan, part);
      auto values = statement.values();
      values.emplace_back(std::int64_t{1000});
      values.emplace_back(std::int64_t{0});
      return MUST(database_->query_with<std::int64_t>(statement.text(), values));
    };
    const auto numbers = expected(asked);
    EXPECT_EQ(run({.start = Plan::Start::kTable}, 0), numbers);
    ASSERT_EQ(startable(query).size(), 3U);
    for (std::size_t set = 0; set < 3; ++set) {
      EXPECT_EQ(run({.start = Plan::Start::kSet, .set = set}, 0), numbers);
    }
    std::vector<std::int64_t> walked;
    for (int part = 0; part < kOrderParts; ++part)
      std::ranges::copy(run({.start = Plan::Start::kOrder}, part), std::back_inserter(walked));
    EXPECT_EQ(walked, numbers);
    std::string token = page_token({.offset = 0, .part = 0});
    std::vector<std::int64_t> paged;
    while (!token.empty()) {
      const Found found = MUST(find(*database_, asked, 20, token));
      std::ranges::copy(found.numbers, std::back_inserter(paged));
      token = found.next;
    }
    EXPECT_EQ(paged, numbers);
  }
}

TEST_F(Things, AMissingKeyFailsEveryComparisonButNotItsNegation) {
  db::Transaction tx = MUST(database_->begin());
  Thing bare{.number = 1000, .id = "bare", .name = "bare"};
  add(tx, bare);
  MUST(tx.commit());
  const auto finds = [&](const std::string& condition) {
    return MUST(count(*database_, request("run_id = 'bare' AND " + condition))) == 1;
  };
  EXPECT_FALSE(finds("metrics.m1 != 1"));
  EXPECT_TRUE(finds("NOT metrics.m1 != 1"));
  EXPECT_TRUE(finds("NOT metrics.m1 = 1"));
  EXPECT_FALSE(finds("params.p1 NOT IN ('a')"));
  EXPECT_FALSE(finds("end_time > 0"));
  EXPECT_TRUE(finds("NOT (end_time > 0)"));
  EXPECT_TRUE(finds("metrics.m1 IS NULL"));
  EXPECT_TRUE(finds("params.is_prompt != 'true'"));
  EXPECT_TRUE(finds("params.is_prompt = 'false'"));
  EXPECT_TRUE(finds("params.is_prompt IS NULL"));
}

TEST_F(Things, ABadTokenIsRefused) {
  const auto error = [&](std::string_view token, std::vector<std::string> order = {}) {
    return find(*database_, request("", std::move(order)), 10, token).error().message;
  };
  EXPECT_EQ(error("%%%"), "Invalid page token, could not base64-decode");
  EXPECT_EQ(error("Zm9v"), "Invalid page token, decoded value=foo");
  EXPECT_EQ(error("e30="), "Invalid page token, parsed value={}");
  EXPECT_EQ(error(page_token({.offset = 3, .part = 1})), "Invalid page token, it is of a search with another order_by");
  EXPECT_EQ(page_token({.offset = 100}), "eyJvZmZzZXQiOjEwMH0=");
}

TEST_F(Things, OfNoScopeAreNone) {
  Request asked = request("");
  asked.scope = Scope{"things.grp", {}};
  EXPECT_TRUE(MUST(find(*database_, asked, 10, "")).numbers.empty());
  EXPECT_EQ(MUST(count(*database_, asked)), 0);
}

}  // namespace
}  // namespace millrace::search
