#pragma once

#include <span>

#include "db/db.h"

namespace millrace::pipelines {

// The tables pipeline_runs, pipeline_steps and step_cache; written down in docs/formats/pipelines.md.
std::span<const db::Migration> migrations();

}  // namespace millrace::pipelines
