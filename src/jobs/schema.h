#pragma once

#include <span>

#include "db/db.h"

namespace millrace::jobs {

// The tables jobs and job_attempts; written down in docs/formats/jobs.md.
std::span<const db::Migration> migrations();

}  // namespace millrace::jobs
