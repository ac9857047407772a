#pragma once

// Metadata in SQLite: a thin layer of SQL, no objects. Each module owns its tables and migrates them itself.

#include "db/database.h"    // IWYU pragma: export
#include "db/home_lock.h"   // IWYU pragma: export
#include "db/migrations.h"  // IWYU pragma: export
