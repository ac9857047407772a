#pragma once

// Child processes.

#include "proc/child.h"
#include "proc/spawner.h"
