#include "net/router.h"

#include <gtest/gtest.h>

#include "net/target.h"

namespace millrace::net {
namespace {

Handler nothing() {
  return [](const Request&) { return Response{}; };
}

Router make_router() {
  Router router;
  router.add("GET", "/", nothing());
  router.add("GET", "/api/v1/datasets", nothing());
  router.add("POST", "/api/v1/datasets", nothing());
  router.add("GET", "/api/v1/datasets/{name}", nothing());
  router.add("POST", "/api/v1/datasets/search", nothing());
  router.add("GET", "/api/v1/datasets/{name}/versions/{version}", nothing());
  router.add("GET", "/artifacts/{path...}", nothing());
  return router;
}

TEST(Router, FindsRoutes) {
  struct Case {
    std::string_view name, method, target, pattern;
    std::vector<std::pair<std::string_view, std::string_view>> params;
  };
  const std::vector<Case> cases = {
      {"root", "GET", "/", "/", {}},
      {"literal", "GET", "/api/v1/datasets?limit=3", "/api/v1/datasets", {}},
      {"by method", "POST", "/api/v1/datasets", "/api/v1/datasets", {}},
      {"name", "GET", "/api/v1/datasets/flights", "/api/v1/datasets/{name}", {{"name", "flights"}}},
      {"decoded name", "GET", "/api/v1/datasets/a%2Fb%20c", "/api/v1/datasets/{name}", {{"name", "a/b c"}}},
      {"literal first", "POST", "/api/v1/datasets/search", "/api/v1/datasets/search", {}},
      {"literal of another method", "GET", "/api/v1/datasets/search", "/api/v1/datasets/{name}", {{"name", "search"}}},
      {"two names",
       "GET",
       "/api/v1/datasets/f/versions/3",
       "/api/v1/datasets/{name}/versions/{version}",
       {{"name", "f"}, {"version", "3"}}},
      {"tail", "GET", "/artifacts/a/b%20c/d", "/artifacts/{path...}", {{"path", "a/b c/d"}}},
      {"head", "HEAD", "/api/v1/datasets", "/api/v1/datasets", {}},
      {"absolute form", "GET", "http://host:1/artifacts/x", "/artifacts/{path...}", {{"path", "x"}}},
      {"unknown", "GET", "/nowhere", "", {}},
      {"empty name", "GET", "/api/v1/datasets//versions/3", "", {}},
      {"trailing slash", "GET", "/api/v1/datasets/", "", {}},
      {"empty tail", "GET", "/artifacts/", "", {}},
      {"wrong method", "DELETE", "/api/v1/datasets", "", {}},
      {"asterisk", "GET", "*", "", {}},
  };
  const auto router = make_router();
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Target target;
    ASSERT_TRUE(target.parse(c.target));
    PathParams params;
    const auto* route = router.find(c.method, target.segments(), params);
    EXPECT_EQ(route == nullptr ? "" : route->pattern, c.pattern);
    EXPECT_EQ(params.size(), c.params.size());
    for (const auto& [name, value] : c.params) EXPECT_EQ(params.find(name), value);
  }
}

TEST(Router, ListsAllowedMethods) {
  const auto router = make_router();
  const auto allowed = [&](std::string_view text) {
    Target target;
    MUST(target.parse(text));
    return router.allowed(target.segments());
  };
  EXPECT_EQ(allowed("/api/v1/datasets"), "GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(allowed("/api/v1/datasets/search"), "GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(allowed("/nowhere"), "");
}

TEST(Router, ListsItsRoutes) {
  const auto router = make_router();
  ASSERT_EQ(router.routes().size(), 7U);
  EXPECT_EQ(router.routes()[3]->method, "GET");
  EXPECT_EQ(router.routes()[3]->pattern, "/api/v1/datasets/{name}");
}

TEST(RouterDeathTest, RefusesRoutesThatCannotWork) {
  Router router;
  router.add("GET", "/a", nothing());
  EXPECT_DEATH(router.add("GET", "/a", nothing()), "added twice");
  EXPECT_DEATH(router.add("GET", "a", nothing()), "does not start with a slash");
  EXPECT_DEATH(router.add("GET", "/x{a}", nothing()), "malformed segment");
  EXPECT_DEATH(router.add("GET", "/{a...}/b", nothing()), "goes on after its tail");
}

TEST(Target, RefusesWhatCannotBeAPath) {
  for (const std::string_view bad :
       {"/a%zz", "/a%0", "/a%00b", "/%FF", "/a?b=%zz", "/a?b=%00", "/a?b=%FF", "relative", ""}) {
    Target target;
    EXPECT_FALSE(target.parse(bad)) << bad;
  }
}

TEST(RouterTest, NamesTheRoutesThatDoNotSayWhoMayCallThem) {
  Router router;
  router.add("GET", "/open", Access::kPublic, nothing());
  router.add("GET", "/forgotten", nothing());
  EXPECT_EQ(router.undeclared(), std::vector<std::string>{"GET /forgotten"});
}

}  // namespace
}  // namespace millrace::net
