#pragma once

#include <memory>

#include "duck/duck.h"
#include "duck/handles.h"

namespace millrace::duck {

struct Connection::State {
  std::shared_ptr<void> instance;  // outlives the handle
  ConnectionHandle handle;
};

}  // namespace millrace::duck
