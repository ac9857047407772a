#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "base/json.h"
#include "base/time.h"
#include "triggers/cron.h"

namespace millrace::triggers {

// What a trigger waits for. One without a cause is fired by hand only.
enum class CauseKind { kManual, kSchedule, kAlert, kDataset, kModel };
std::string_view cause_name(CauseKind kind);

// Which of the scheduled times that passed at once are fired: after a server was down, or when a replay takes long
// steps.
enum class CatchUp { kNewest, kAll };

struct Param {
  std::string name;
  std::string value;  // JSON text
  Position at;
};

// A `kind: Trigger` document.
struct TriggerSpec {
  std::string name;
  std::string description;
  std::string pipeline;
  Position pipeline_at;
  CauseKind cause = CauseKind::kManual;
  std::string subject;  // the schedule, MONITOR.ALERT, the dataset or the model
  Position subject_at;
  std::optional<Cron> cron;
  CatchUp catch_up = CatchUp::kNewest;
  std::optional<Timestamp> from;   // causes before are passed over
  std::optional<Timestamp> until;  // and those at or after this one
  Duration cooldown{0};            // not within this event time after any trigger last started the pipeline
  bool enabled = true;
  std::vector<Param> params;
  Position at;
};

// The document's spec; nullopt where it had faults, all of which are in `diagnostics`. Whether the pipeline and the
// subject exist is for the caller to check.
std::optional<TriggerSpec> parse_trigger(const Node& document, Diagnostics& diagnostics);

// The document that parses to this spec again.
Json to_document(const TriggerSpec& spec);

// The JSON Schema (draft 2020-12) of a Trigger document.
std::string_view trigger_schema();

}  // namespace millrace::triggers
