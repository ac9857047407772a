#pragma once

// MLflow's filter language, and what its users asked for beside it, for everything that can be searched.
//
// A room declares what it has as a Schema (schema.h) and calls find() (find.h). How the language reads, and what a
// filter means where a key is missing, is written in docs/formats/search.md.
#include "search/find.h"
#include "search/schema.h"
