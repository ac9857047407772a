#include "base/actor.h"

#include <utility>

namespace millrace {

namespace {

thread_local std::string actor;

}  // namespace

std::string_view acting_for() { return actor; }

ActingFor::ActingFor(std::string_view who) : before_(std::exchange(actor, std::string(who))) {}

ActingFor::~ActingFor() { actor = std::move(before_); }

}  // namespace millrace
