#include "access/decide.h"

#include <gtest/gtest.h>

namespace millrace::access {
namespace {

Principal with(std::vector<Grant> grants) { return {.name = "ann", .grants = std::move(grants)}; }

TEST(DecideTest, ARoleMayWhatItMayAndNoMore) {
  struct Case {
    std::string name;
    Principal who;
    Action action;
    std::string project;
    bool allowed;
  };
  const Principal root{.name = "root", .server_admin = true};
  const Principal narrow{.name = "root", .server_admin = true, .most = Role::kViewer};
  const Case cases[] = {
      {"no role, no look", with({}), Action::kRead, "default", false},
      {"no role, but known", with({}), Action::kBeKnown, "default", true},
      {"a viewer looks", with({{Role::kViewer, "*"}}), Action::kRead, "default", true},
      {"a viewer asks an endpoint", with({{Role::kViewer, "*"}}), Action::kPredict, "default", true},
      {"a viewer logs nothing", with({{Role::kViewer, "*"}}), Action::kRecord, "default", false},
      {"a viewer changes nothing", with({{Role::kViewer, "*"}}), Action::kWrite, "default", false},
      {"an editor logs", with({{Role::kEditor, "*"}}), Action::kRecord, "default", true},
      {"an editor changes", with({{Role::kEditor, "*"}}), Action::kWrite, "default", true},
      {"an editor deploys nothing", with({{Role::kEditor, "*"}}), Action::kDeploy, "default", false},
      {"a deployer deploys", with({{Role::kDeployer, "*"}}), Action::kDeploy, "default", true},
      {"a deployer is no admin", with({{Role::kDeployer, "*"}}), Action::kAdminister, "default", false},
      {"an admin of a project", with({{Role::kAdmin, "flights"}}), Action::kAdminister, "flights", true},
      {"is one there only", with({{Role::kAdmin, "flights"}}), Action::kRead, "default", false},
      {"and none of the server", with({{Role::kAdmin, "*"}}), Action::kOperate, "default", false},
      {"the best role counts", with({{Role::kViewer, "*"}, {Role::kEditor, "default"}}), Action::kWrite, "default",
       true},
      {"the server's admin may all", root, Action::kOperate, "default", true},
      {"in every project", root, Action::kAdminister, "flights", true},
      {"a narrow token looks", narrow, Action::kRead, "default", true},
      {"a narrow token of an admin changes nothing", narrow, Action::kWrite, "default", false},
      {"and operates nothing", narrow, Action::kOperate, "default", false},
  };
  for (const auto& at : cases) {
    const auto decision = decide(&at.who, at.action, {.project = at.project});
    EXPECT_EQ(decision.allowed, at.allowed) << at.name;
    EXPECT_EQ(decision.reason.empty(), at.allowed) << at.name;
  }
}

TEST(DecideTest, ADenialSaysWhatIsMissing) {
  const auto viewer = with({{Role::kViewer, "*"}});
  EXPECT_EQ(decide(&viewer, Action::kWrite).reason, "this needs the role editor in project default; ann has viewer");
  EXPECT_EQ(decide(nullptr, Action::kRead).reason, "this needs a user; none was named");
}

}  // namespace
}  // namespace millrace::access
