#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "access/access.h"
#include "api/http/resources.h"
#include "base/fd.h"
#include "base/files.h"
#include "net/content.h"
#include "replicas/callers.h"
#include "replicas/publisher.h"
#include "replicas/roster.h"
#include "serving/serving.h"

// What a server answers its replicas, and says of them.
namespace millrace::api {
namespace {

using net::Request;
using net::Response;
using replicas::PublishedState;

constexpr std::int64_t kLongestWait = 60;  // seconds
constexpr std::size_t kMostProblems = 100, kLongestText = 2'000;

Response state_answer(const PublishedState& state) {
  return {.body = state.text, .headers = {{"ETag", state.etag}, {"Cache-Control", "no-cache"}}};
}

Response unchanged(const replicas::Publisher& publisher) {
  const auto state = publisher.current();
  if (!state) return answer(unavailable("the serving state is not known yet; ask again").error());
  return {.status = 304, .content_type = "", .headers = {{"ETag", state->etag}}};
}

Result<Duration> patience_of(const Request& request) {
  TRY(only_queries(request, {"wait"}));
  const auto seconds = TRY(integer_query(request, "wait")).value_or(0);
  if (seconds > kLongestWait) return invalid_argument("wait is at most {} seconds, not {}", kLongestWait, seconds);
  return std::chrono::seconds(seconds);
}

// The state, at once where it is another than If-None-Match names, else as soon as it is.
void next_state(replicas::Publisher& publisher, const Request& request, net::Reply reply) {
  const auto patience = patience_of(request);
  if (!patience) return reply(answer(patience.error()));
  publisher.wait(std::string(request.header("If-None-Match")), *patience,
                 [&publisher, reply = std::move(reply)](std::shared_ptr<const PublishedState> state) mutable {
                   reply(state ? state_answer(*state) : unchanged(publisher));
                 });
}

// Some bytes of a file of this machine.
class LocalBody final : public net::BodySource {
 public:
  LocalBody(Fd file, net::ByteRange range) : file_(std::move(file)), range_(range) {}

  std::uint64_t size() const override { return range_.length; }
  Result<std::size_t> read(std::span<char> into) override {
    const auto most = std::min<std::uint64_t>(into.size(), range_.length - read_);
    const auto got = ::pread(file_.get(), into.data(), most, static_cast<off_t>(range_.offset + read_));
    if (got < 0) return std::unexpected(errno_error("read", "a model's file"));
    read_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }

 private:
  const Fd file_;
  const net::ByteRange range_;
  std::uint64_t read_ = 0;
};

// Only files that the serving state names.
Result<Response> send_model_file(const replicas::Publisher& publisher, const Request& request) {
  const auto state = publisher.current();
  const auto found = state ? state->files.find(request.param("sha256")) : decltype(state->files.find(""))();
  if (!state || found == state->files.end())
    return not_found("the serving state names no file {}", request.param("sha256"));
  const auto path = found->second;
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return not_found("the file {} is gone: {}", found->first, error.message());
  return net::serve_content(request, {.size = size,
                                      .etag = fmt::format("\"{}\"", found->first),
                                      .headers = {{"Cache-Control", "private, max-age=31536000, immutable"},
                                                  {"X-Content-Type-Options", "nosniff"}},
                                      .open = [path](net::ByteRange range) -> Result<std::shared_ptr<net::BodySource>> {
                                        Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
                                        if (!file) return std::unexpected(errno_error("open", path));
                                        return std::make_shared<LocalBody>(std::move(file), range);
                                      }});
}

Result<Response> list_callers(const access::Store& access) {
  const replicas::Callers callers{.closed = access.closed(), .tokens = TRY(access.list_callers())};
  return Response{.body = replicas::to_text(callers), .headers = {{"Cache-Control", "no-store"}}};
}

Result<void> check_text(std::string_view what, const std::string& text) {
  if (text.size() <= kLongestText) return {};
  return invalid_argument("\"{}\" is longer than {} bytes", what, kLongestText);
}

Result<Json> note_replica(replicas::Roster& roster, const Clock& clock, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  replicas::Report report{.name = std::string(request.param("name")),
                          .address = body.string("address").value_or(""),
                          .version = body.string("version").value_or(""),
                          .generation = body.integer("generation").value_or(0),
                          .draining = body.boolean("draining").value_or(false)};
  const auto problems = body.array("problems");
  TRY(body.finish());
  TRY(check_text("name", report.name));
  TRY(check_text("address", report.address));
  TRY(check_text("version", report.version));
  if (report.generation < 0) return invalid_argument("\"generation\" is {}, less than 0", report.generation);
  if (problems.size() > kMostProblems) return invalid_argument("there are more than {} problems", kMostProblems);
  for (const auto& problem : problems) {
    if (!problem.is_string()) return invalid_argument("each of \"problems\" must be a string");
    report.problems.push_back(problem.get<std::string>());
    TRY(check_text("problems", report.problems.back()));
  }
  TRY(roster.note(std::move(report), clock.now()));
  return Json{{"name", request.param("name")}};
}

Json to_json(const replicas::Roster::Entry& entry) {
  return {{"name", entry.report.name},         {"address", entry.report.address},
          {"version", entry.report.version},   {"generation", entry.report.generation},
          {"draining", entry.report.draining}, {"problems", entry.report.problems},
          {"since", format_time(entry.since)}, {"seen", format_time(entry.seen)}};
}

Json list_replicas(const replicas::Roster& roster, const replicas::Publisher& publisher, const Clock& clock) {
  auto items = Json::array();
  for (const auto& entry : roster.list(clock.now())) items.push_back(to_json(entry));
  const auto state = publisher.current();
  auto page = page_json(std::move(items), {});
  page["generation"] = state ? state->generation : 0;
  return page;
}

}  // namespace

void add_replica_routes(net::Router& router, Services& services) {
  auto& publisher = services.publisher;
  auto& roster = services.roster;
  auto& clock = services.wall;
  router.add_deferred("GET", "/api/v1/serving-state", Access::kRead, [&](const Request& request, net::Reply reply) {
    next_state(publisher, request, std::move(reply));
  });
  router.add("GET", "/api/v1/serving-state/callers", Access::kDeploy, [&](const Request&) {
    auto listed = list_callers(services.access);
    return listed ? std::move(*listed) : answer(listed.error());
  });
  router.add("GET", "/api/v1/serving-state/files/{sha256}", Access::kRead, [&](const Request& request) {
    auto sent = send_model_file(publisher, request);
    return sent ? std::move(*sent) : answer(sent.error());
  });
  router.add("GET", "/api/v1/replicas", Access::kRead,
             [&](const Request&) { return answer(list_replicas(roster, publisher, clock)); });
  router.add(
      "PUT", "/api/v1/replicas/{name}", Access::kRecord,
      [&](const Request& request) { return answer(note_replica(roster, clock, request)); }, net::Lane::kInline);
  router.add("DELETE", "/api/v1/replicas/{name}", Access::kRecord, [&](const Request& request) {
    roster.remove(std::string(request.param("name")));
    return answer(Json{{"name", request.param("name")}});
  });
}

}  // namespace millrace::api
