#include "replicas/remote_features.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "net/text.h"

namespace millrace::replicas {
namespace {

static_assert(std::endian::native == std::endian::little, "vectors are sent as they lie in memory");

// What JSON has no number for stands as text.
Json number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

Result<Json> to_json(const sql::Value& value, const std::string& name) {
  switch (value.kind) {
    case sql::Value::Kind::kInteger:
      return Json(value.integer);
    case sql::Value::Kind::kDouble:
      return number(value.number);
    case sql::Value::Kind::kText:
      if (!net::is_utf8(value.text)) return invalid_argument("input \"{}\" is not UTF-8", name);
      return Json(value.text);
    default:
      return Json(nullptr);
  }
}

}  // namespace

// A connection of one's own for a while.
class RemoteFeatures::Turn {
 public:
  static Result<Turn> take(RemoteFeatures& owner) {
    std::unique_ptr<Upstream> server;
    {
      const std::scoped_lock lock(owner.mutex_);
      if (!owner.idle_.empty()) {
        server = std::move(owner.idle_.back());
        owner.idle_.pop_back();
      }
    }
    if (!server) server = std::make_unique<Upstream>(TRY(Upstream::open(owner.server_, {})));
    return Turn(owner, std::move(server));
  }
  Turn(Turn&&) = default;
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (!server_) return;
    const std::scoped_lock lock(owner_.mutex_);
    owner_.idle_.push_back(std::move(server_));
  }
  Upstream& server() { return *server_; }

 private:
  Turn(RemoteFeatures& owner, std::unique_ptr<Upstream> server) : owner_(owner), server_(std::move(server)) {}

  RemoteFeatures& owner_;
  std::unique_ptr<Upstream> server_;
};

class RemoteFeatures::Source final : public serving::VectorSource {
 public:
  Source(RemoteFeatures& owner, FeatureState service) : owner_(owner), service_(std::move(service)) {}

  const std::vector<duck::ColumnType>& inputs() const override { return service_.inputs; }
  const std::vector<std::string>& features() const override { return service_.features; }
  bool waits() const override { return true; }
  Result<void> compute(std::span<const sql::Value> inputs, Timestamp moment, std::span<double> out) const override {
    return compute_rows(inputs, moment, out);
  }
  Result<void> compute_rows(std::span<const sql::Value> inputs, Timestamp moment,
                            std::span<double> out) const override {
    if (out.empty()) return {};
    const std::string body = dump_json(Json{{"event_time_us", moment.us}, {"rows", TRY(rows_of(inputs))}});
    auto turn = TRY(Turn::take(owner_));
    const auto made = turn.server().vectors(service_.service, body);
    if (!made) return std::unexpected(unreachable(made.error()));
    if (made->size() != out.size_bytes())
      return data_loss("the server made {} bytes of vectors, not {}", made->size(), out.size_bytes());
    std::memcpy(out.data(), made->data(), made->size());
    return {};
  }

 private:
  Result<Json> rows_of(std::span<const sql::Value> values) const {
    Json rows = Json::array();
    for (std::size_t at = 0; at < values.size(); at += service_.inputs.size()) {
      Json row = Json::array();
      for (std::size_t i = 0; i < service_.inputs.size(); ++i)
        row.push_back(TRY(to_json(values[at + i], service_.inputs[i].name)));
      rows.push_back(std::move(row));
    }
    return rows;
  }

  // What is wrong with the request is the caller's; all else is that there are no features now.
  Error unreachable(const Error& error) const {
    if (error.code == Code::kInvalidArgument) return error;
    return {Code::kUnavailable,
            fmt::format("the features of {} cannot be looked up: {}", service_.service, error.message)};
  }

  RemoteFeatures& owner_;
  const FeatureState service_;
};

Result<std::unique_ptr<RemoteFeatures>> RemoteFeatures::open(const ServerPlace& server) {
  TRY(Upstream::open(server, {}));
  return std::unique_ptr<RemoteFeatures>(new RemoteFeatures(server));
}

void RemoteFeatures::declare(const FeatureState& service) {
  const std::scoped_lock lock(mutex_);
  declared_[service.service] = service;
}

Result<std::shared_ptr<const serving::VectorSource>> RemoteFeatures::find(const std::string& service) {
  const std::scoped_lock lock(mutex_);
  const auto found = declared_.find(service);
  if (found == declared_.end()) return unavailable("the server has no feature service {}", service);
  return std::make_shared<Source>(*this, found->second);
}

}  // namespace millrace::replicas
