#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "notify/address.h"
#include "notify/message.h"

namespace millrace::notify {
namespace {

TEST(Address, OnlyPublicOnesArePublic) {
  for (const auto* address :
       {"1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.1", "100.63.0.1", "100.128.0.1", "223.255.255.255",
        "2606:4700::1111", "2a00::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::"}) {
    EXPECT_TRUE(is_public_address(address)) << address;
  }
  for (const auto* address : {"",
                              "localhost",
                              "0.0.0.0",
                              "127.0.0.1",
                              "127.255.255.255",
                              "10.1.2.3",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.1.1",
                              "169.254.169.254",
                              "100.64.0.1",
                              "192.0.2.1",
                              "198.18.0.1",
                              "198.51.100.1",
                              "203.0.113.9",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "fe80::1",
                              "fe80::1%eth0",
                              "fc00::1",
                              "fd12::1",
                              "ff02::1",
                              "2001:db8::1",
                              "2001::1",
                              "::ffff:10.0.0.1",
                              "::ffff:127.0.0.1",
                              "64:ff9b::a00:1",
                              "2002:7f00:1::",
                              "1.2.3",
                              "1.2.3.4.5"}) {
    EXPECT_FALSE(is_public_address(address)) << address;
  }
}

TEST(Notice, OfAnEventHasMlflowsShape) {
  const auto made = notice_of({.type = "model_version.registered",
                               .data = {{"model", "late"},
                                        {"version", 3},
                                        {"source", "s3://b"},
                                        {"run_id", ""},
                                        {"description", "d"},
                                        {"tags", {{"a", "b"}}},
                                        {"prompt", false}}});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->topic, "model_version.created");
  EXPECT_EQ(made->data, (Json{{"name", "late"},
                              {"version", "3"},
                              {"source", "s3://b"},
                              {"run_id", nullptr},
                              {"tags", {{"a", "b"}}},
                              {"description", "d"}}));
  const auto prompt = notice_of({.type = "model_version.registered",
                                 .data = {{"model", "hi"},
                                          {"version", 1},
                                          {"tags", {{"mlflow.prompt.text", "Hello"}, {"t", "u"}}},
                                          {"prompt", true}}});
  EXPECT_EQ(prompt->topic, "prompt_version.created");
  EXPECT_EQ(prompt->data["template"], "Hello");
  EXPECT_EQ(prompt->data["tags"], (Json{{"t", "u"}}));
  const auto alias = notice_of(
      {.type = "model_version.alias_set", .data = {{"model", "late"}, {"alias", "champion"}, {"version", 2}}});
  EXPECT_EQ(alias->topic, "model_version_alias.created");
  EXPECT_EQ(alias->data, (Json{{"name", "late"}, {"version", "2"}, {"alias", "champion"}}));
  EXPECT_FALSE(notice_of({.type = "registered_model.tag_set", .data = {{"model", "late"}}}));
  EXPECT_FALSE(notice_of({.type = "run.finished"}));
}

TEST(Notice, HasAnExampleForEachTopic) {
  for (const auto topic : topics()) {
    const Notice notice = example_of(topic);
    EXPECT_EQ(notice.topic, topic);
    EXPECT_EQ(notice.data["name"], "example");
  }
}

TEST(Signature, IsThatOfMlflow) {
  EXPECT_EQ(signature("secret", "id", "1700000000", "{}"), "v1,GBemBzTgbKoVEGKycqyY3615LbdJbhFLE1oQk+zZ+lo=");
}

TEST(BackOff, GrowsAndEnds) {
  EXPECT_EQ(back_off(1), std::chrono::seconds(1));
  EXPECT_EQ(back_off(2), std::chrono::seconds(4));
  EXPECT_EQ(back_off(9), std::chrono::hours(1));
  EXPECT_EQ(back_off(10), std::nullopt);
  for (const int status : {408, 429, 500, 503}) EXPECT_TRUE(may_try_again(status));
  for (const int status : {200, 301, 400, 404, 410}) EXPECT_FALSE(may_try_again(status));
}

}  // namespace
}  // namespace millrace::notify
