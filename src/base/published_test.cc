#include "base/published.h"

#include <gtest/gtest.h>

#include <vector>

namespace millrace {
namespace {

struct Counted {
  static inline std::atomic<int> alive{0};
  explicit Counted(int value) : first(value), second(value) { ++alive; }
  ~Counted() {
    first = second = -1;
    --alive;
  }
  int first, second;
};

TEST(PublishedTest, AReaderKeepsWhatItRead) {
  Published<Counted> published(std::make_unique<Counted>(1));
  std::atomic<bool> reading{false}, replaced{false};
  std::jthread reader([&] {
    auto lease = published.read();
    reading = true;
    while (published.read()->first == 1) std::this_thread::yield();  // the new value is out
    EXPECT_EQ(lease->first, 1);
    EXPECT_FALSE(replaced);
  });
  while (!reading) std::this_thread::yield();
  published.publish(std::make_unique<Counted>(2));
  replaced = true;
  EXPECT_EQ(Counted::alive, 1);
  EXPECT_EQ(published.read()->first, 2);
}

TEST(PublishedTest, ManyReadersSeeWholeValuesThatNeverGoBack) {
  Published<Counted> published(std::make_unique<Counted>(0));
  std::atomic<bool> done{false};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      int last = 0;
      while (!done) {
        const auto outer = published.read();
        const auto inner = published.read();
        ASSERT_EQ(outer->first, outer->second);
        ASSERT_LE(last, outer->first);
        ASSERT_LE(outer->first, inner->first);
        last = outer->first;
      }
    });
  }
  for (int value = 1; value <= 200; ++value) published.publish(std::make_unique<Counted>(value));
  done = true;
  readers.clear();
  EXPECT_EQ(Counted::alive, 1);
}

TEST(PublishedTest, MoreReadersAtOnceThanExpectedTakeTurns) {
  Published<Counted> published(std::make_unique<Counted>(1));
  std::vector<Published<Counted>::Lease> leases;
  for (int i = 0; i < 127; ++i) leases.push_back(published.read());
  EXPECT_EQ(published.read()->first, 1);
  EXPECT_EQ(published.read()->first, 1);
}

}  // namespace
}  // namespace millrace
