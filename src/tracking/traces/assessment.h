#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "tracking/entities.h"

namespace millrace::tracking {

enum class AssessmentKind { kFeedback, kExpectation, kIssue };
std::string_view to_text(AssessmentKind kind);  // "feedback"
bool from_text(std::string_view text, AssessmentKind& kind);

struct AssessmentError {
  std::string code;
  std::string message;
  std::string stack_trace;
};

// What somebody said about a trace or one of its spans: a judgement of it, or what it should have been.
struct Assessment {
  std::string id;  // "a-" and 32 hexadecimal digits
  std::string trace_id;
  std::string name;
  AssessmentKind kind = AssessmentKind::kFeedback;
  std::string value = "null";            // JSON
  std::optional<AssessmentError> error;  // why there is no feedback
  std::string source_type;               // "HUMAN", "LLM_JUDGE", "CODE"
  std::string source_id;
  std::optional<std::string> rationale;
  std::vector<Tag> metadata;
  std::string span_id;  // "" for the whole trace
  Timestamp create_time;
  Timestamp last_update_time;
  std::string overrides;  // the id of one that this one replaces, and that is not valid any more
  bool valid = true;
};

// What changes; the rest stays. Metadata is added to what is there.
struct AssessmentUpdate {
  std::optional<std::string> name;
  std::optional<AssessmentKind> kind;  // of the value; must be what it is
  std::optional<std::string> value;
  std::optional<AssessmentError> error;
  std::optional<std::string> rationale;
  std::vector<Tag> metadata;
};

}  // namespace millrace::tracking
