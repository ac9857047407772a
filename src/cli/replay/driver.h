#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/client.h"
#include "base/metrics.h"
#include "cli/replay/history.h"
#include "net/load_client.h"

namespace millrace::cli {

// What a replay has done so far.
struct ReplayProgress {
  Timestamp now;
  std::int64_t predictions = 0;
  std::int64_t failures = 0;  // requests that were answered with an error
  std::int64_t retried = 0;   // requests that were sent again after the server had gone away
  std::int64_t labels = 0;
  std::int64_t batches = 0;
  std::string version;  // that answered last
  double log_loss = 0;  // of the predictions whose outcome became known in the last seven days; NaN without any
  std::string first_failure;
};

// Lets history happen, as an ordinary client of the server: batches by the day; from `predict_from` on a request for
// each row at its moment, its label and its row when they are known, never earlier; and the event clock. A server that
// goes away is waited for, and what it had not acknowledged is sent again.
class ReplayDriver {
 public:
  using Report = std::function<void(const ReplayProgress&)>;
  static Result<std::unique_ptr<ReplayDriver>> open(const std::string& server, const net::ClientOptions& options,
                                                    const delivery::ReplaySpec& spec, const History& history,
                                                    Report report);

  Result<void> run();
  const ReplayProgress& progress() const { return progress_; }
  // Of answered predictions, in seconds.
  double latency_quantile(double q) const { return latencies_.quantile(q); }

 private:
  // A span of recent outcomes, for the running log-loss.
  struct DayLoss {
    Timestamp day;
    double sum = 0;
    std::int64_t rows = 0;
  };

  ReplayDriver(delivery::ReplaySpec spec, const History& history, Report report);

  Result<void> run_day(Timestamp day);
  Result<void> live_until(Timestamp end);
  Result<void> tell(Timestamp moment);
  void ask(std::size_t row);
  void post(std::string target, std::string body, std::function<void(const net::ClientResponse&)> then);
  void submit(std::shared_ptr<std::string> target, std::shared_ptr<std::string> body,
              std::shared_ptr<std::function<void(const net::ClientResponse&, Duration)>> then);
  Result<void> drain();
  Result<void> wait_for_tellings();
  Result<void> send_batch(Timestamp day);
  Result<void> advance_clock(Timestamp to);
  Result<Json> patiently(const std::function<Result<Json>()>& call);
  Result<void> wait_for_server();
  void note_outcome(std::size_t row);
  void note_answer(std::size_t row, const net::ClientResponse& response, Duration latency);
  void note_failure(const net::ClientResponse& response, std::string_view what);

  delivery::ReplaySpec spec_;
  const History& history_;
  Report report_;
  std::unique_ptr<api::ApiClient> api_;
  std::unique_ptr<net::LoadClient> load_;
  std::string infer_target_, labels_target_, push_target_;
  ReplayProgress progress_;
  metrics::Histogram latencies_;
  std::vector<float> answers_;   // by row; NaN before its answer
  std::vector<DayLoss> losses_;  // newest last
  std::size_t next_asked_ = 0;   // rows
  std::size_t next_known_ = 0;   // positions in by_known()
  std::size_t tellings_ = 0;     // labels and pushes that are not acknowledged yet
  std::chrono::steady_clock::time_point last_report_;
  std::vector<std::function<void()>> lost_;  // to be sent again
};

}  // namespace millrace::cli
