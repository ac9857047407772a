#include "access/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/audit.h"
#include "access/decide.h"
#include "access/directory.h"
#include "access/issuer.h"
#include "access/recent.h"
#include "base/files.h"
#include "db/db.h"
#include "db/testing.h"

namespace millrace::access {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::string_view kPassword = "correct horse battery";

Credentials basic(std::string user, std::string_view password) {
  return {.kind = Credentials::Kind::kBasic, .user = std::move(user), .secret = std::string(password)};
}
Credentials bearer(std::string token) {
  return {.kind = Credentials::Kind::kBearer, .user = {}, .secret = std::move(token)};
}

class AccessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database = db::open_for_test(home.path());
    store = MUST(Store::open(*database, clock));
  }
  void add_root() { MUST(store->create_user({.name = "root", .password = std::string(kPassword), .is_admin = true})); }
  void add_ann() { MUST(store->create_user({.name = "ann", .password = "ann's own password"})); }

  TemporaryDirectory home;
  ManualClock clock{Timestamp{1'000'000'000}};
  std::unique_ptr<db::Database> database;
  std::unique_ptr<Store> store;
};

TEST_F(AccessTest, WithoutUsersItIsOpenAndTheFirstIsAnAdmin) {
  EXPECT_FALSE(store->closed());
  EXPECT_EQ(store->create_user({.name = "ann", .password = std::string(kPassword)}).error().code,
            Code::kFailedPrecondition);
  EXPECT_FALSE(store->closed());
  add_root();
  EXPECT_TRUE(store->closed());
  EXPECT_TRUE(MUST(store->find_user("root")).is_admin);
}

TEST_F(AccessTest, TheLastAdminStays) {
  add_root();
  add_ann();
  EXPECT_EQ(store->set_admin("root", false).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(store->delete_user("root").error().code, Code::kFailedPrecondition);
  MUST(store->set_admin("ann", true));
  MUST(store->delete_user("root"));
  EXPECT_THAT(MUST(store->list_users()), SizeIs(1));
}

TEST_F(AccessTest, NamesAndPasswordsAreChecked) {
  for (const auto* name : {"", "a b", "a:b", "../x", "a\n"}) {
    EXPECT_EQ(store->create_user({.name = name, .password = std::string(kPassword), .is_admin = true}).error().code,
              Code::kInvalidArgument)
        << name;
  }
  EXPECT_EQ(store->create_user({.name = "a", .password = "short", .is_admin = true}).error().code,
            Code::kInvalidArgument);
  add_root();
  EXPECT_EQ(store->create_user({.name = "root", .password = std::string(kPassword)}).error().code,
            Code::kAlreadyExists);
}

TEST_F(AccessTest, APasswordIsLookedAtOnceAndThenRemembered) {
  add_root();
  const auto right = basic("root", kPassword);
  EXPECT_TRUE(store->recognise(right).unsure);
  EXPECT_EQ(MUST(store->verify(right, "1.2.3.4"))->name, "root");
  EXPECT_EQ(store->recognise(right).who->name, "root");
  EXPECT_EQ(store->recognise(basic("root", "wrong")).who, nullptr);
  clock.advance(std::chrono::minutes(6));
  EXPECT_TRUE(store->recognise(right).unsure);
}

TEST_F(AccessTest, AChangedPasswordCountsAtOnce) {
  add_root();
  const auto old = basic("root", kPassword);
  MUST(store->verify(old, ""));
  MUST(store->set_password("root", "another long password"));
  EXPECT_TRUE(store->recognise(old).unsure);
  EXPECT_EQ(store->verify(old, "").error().code, Code::kUnauthenticated);
}

TEST_F(AccessTest, UnknownNamesAndWrongPasswordsAreToldTheSame) {
  add_root();
  const auto wrong = store->verify(basic("root", "wrong password"), "");
  const auto unknown = store->verify(basic("nobody", "wrong password"), "");
  EXPECT_EQ(wrong.error().code, Code::kUnauthenticated);
  EXPECT_EQ(wrong.error().message, unknown.error().message);
}

TEST_F(AccessTest, GuessingIsSlowedDownForThatNameAtThatAddress) {
  add_root();
  for (int i = 0; i < 6; ++i) (void)store->verify(basic("root", "wrong password"), "6.6.6.6");
  EXPECT_EQ(store->verify(basic("root", kPassword), "6.6.6.6").error().code, Code::kResourceExhausted);
  EXPECT_TRUE(store->verify(basic("root", kPassword), "1.2.3.4"));
  clock.advance(std::chrono::minutes(2));
  EXPECT_TRUE(store->verify(basic("root", kPassword), "6.6.6.6"));
}

TEST_F(AccessTest, ATokenIsItsOwnerUntilItExpires) {
  add_root();
  add_ann();
  MUST(store->grant({"ann", "editor", "*"}));
  const auto issued = MUST(
      store->create_token({.name = "ci", .owner = "ann", .most = Role::kViewer, .lifetime = std::chrono::hours(1)}));
  EXPECT_THAT(issued.secret, HasSubstr("mrt_"));
  const auto who = store->recognise(bearer(issued.secret)).who;
  ASSERT_NE(who, nullptr);
  EXPECT_EQ(who->name, "ann");
  EXPECT_EQ(who->by, "token ci");
  EXPECT_TRUE(decide(who.get(), Action::kRead));
  EXPECT_FALSE(decide(who.get(), Action::kWrite));
  EXPECT_EQ(MUST(store->list_tokens("ann")).front().last_used, clock.now());
  EXPECT_EQ(store->recognise(bearer(issued.secret + "x")).who, nullptr);
  clock.advance(std::chrono::hours(1));
  EXPECT_EQ(store->recognise(bearer(issued.secret)).who, nullptr);
}

TEST_F(AccessTest, ATokenThatIsDeletedIsNoLongerGoodNorIsOneOfADeletedUser) {
  add_root();
  add_ann();
  const auto first = MUST(store->create_token({.name = "a", .owner = "ann"}));
  const auto second = MUST(store->create_token({.name = "b", .owner = "ann"}));
  MUST(store->delete_token(first.token.id));
  EXPECT_EQ(store->recognise(bearer(first.secret)).who, nullptr);
  EXPECT_NE(store->recognise(bearer(second.secret)).who, nullptr);
  MUST(store->delete_user("ann"));
  EXPECT_EQ(store->recognise(bearer(second.secret)).who, nullptr);
  EXPECT_EQ(store->create_token({.name = "c", .owner = "ann"}).error().code, Code::kNotFound);
}

TEST_F(AccessTest, UsesOfTokensAreKeptOverARestart) {
  add_root();
  const auto issued = MUST(store->create_token({.name = "ci", .owner = "root"}));
  EXPECT_EQ(MUST(store->find_token(issued.token.id)).last_used, std::nullopt);
  store->recognise(bearer(issued.secret));
  MUST(store->keep_uses());
  store = MUST(Store::open(*database, clock));
  EXPECT_EQ(MUST(store->find_token(issued.token.id)).last_used, clock.now());
  EXPECT_NE(store->recognise(bearer(issued.secret)).who, nullptr);
}

TEST_F(AccessTest, RolesComeOfGroups) {
  add_root();
  add_ann();
  MUST(store->grant({"group:team", "deployer", "default"}));
  MUST(store->verify(basic("ann", "ann's own password"), ""));
  EXPECT_FALSE(decide(store->recognise(basic("ann", "ann's own password")).who.get(), Action::kDeploy));
  MUST(store->add_member({"team", "ann"}));
  EXPECT_TRUE(decide(MUST(store->verify(basic("ann", "ann's own password"), "")).get(), Action::kDeploy));
  MUST(store->remove_member({"team", "ann"}));
  EXPECT_FALSE(decide(MUST(store->verify(basic("ann", "ann's own password"), "")).get(), Action::kRead));
  EXPECT_EQ(store->grant({"ann", "king", "*"}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(store->revoke("ann", "*").error().code, Code::kNotFound);
}

TEST_F(AccessTest, AStepHasATokenOfItsOwnForAWhile) {
  add_root();
  const auto secret = store->step_token("4f3c/train", std::chrono::hours(1));
  const auto who = store->recognise(bearer(secret)).who;
  ASSERT_NE(who, nullptr);
  EXPECT_EQ(who->name, "step 4f3c/train");
  EXPECT_TRUE(decide(who.get(), Action::kDeploy));
  EXPECT_FALSE(decide(who.get(), Action::kOperate));
  auto forged = secret;
  forged.replace(4, 4, "ffff");
  for (const auto& bad : {forged, secret + "0", std::string("mrs_"), std::string("mrs_a.b.c")}) {
    EXPECT_EQ(store->recognise(bearer(bad)).who, nullptr) << bad;
  }
  const auto other = MUST(Store::open(*database, clock));
  EXPECT_EQ(other->recognise(bearer(secret)).who, nullptr);
  clock.advance(std::chrono::hours(1));
  EXPECT_EQ(store->recognise(bearer(secret)).who, nullptr);
}

TEST_F(AccessTest, TheAuditLogIsReadFromTheNewest) {
  Audit audit(*database);
  for (const auto* who : {"ann", "bob", "ann"}) {
    MUST(audit.add({.time = clock.now(), .who = who, .method = "POST", .resource = std::string(5000, 'x')}));
  }
  const auto all = MUST(audit.list(0, 10));
  EXPECT_THAT(all, SizeIs(3));
  EXPECT_GT(all[0].id, all[1].id);
  EXPECT_LT(all[0].resource.size(), 1100U);
  EXPECT_THAT(MUST(audit.list(all[0].id, 10, "ann")), SizeIs(1));
}

TEST(CredentialsTest, AreReadAsTheyAreWritten) {
  struct Case {
    std::string name, header;
    Credentials::Kind kind;
    std::string user, secret;
  };
  using Kind = Credentials::Kind;
  const Case cases[] = {{"none", "", Kind::kNone, "", ""},
                        {"basic", "Basic YW5uOnNlY3JldA==", Kind::kBasic, "ann", "secret"},
                        {"a colon in the password", "basic YTpiOmM=", Kind::kBasic, "a", "b:c"},
                        {"bearer", "Bearer mrt_x", Kind::kBearer, "", "mrt_x"},
                        {"its case", "bEaReR  mrt_x", Kind::kBearer, "", "mrt_x"},
                        {"no colon", "Basic YW5u", Kind::kMalformed, "", ""},
                        {"not base64", "Basic %%%", Kind::kMalformed, "", ""},
                        {"another scheme", "Digest x", Kind::kMalformed, "", ""},
                        {"nothing after it", "Bearer ", Kind::kMalformed, "", ""}};
  for (const auto& at : cases) {
    const auto read = read_credentials(at.header);
    EXPECT_EQ(read.kind, at.kind) << at.name;
    EXPECT_EQ(read.user, at.user) << at.name;
    EXPECT_EQ(read.secret, at.secret) << at.name;
  }
}

}  // namespace
}  // namespace millrace::access
