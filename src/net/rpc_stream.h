#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/packing.h"
#include "net/connection.h"
#include "net/request.h"
#include "net/rpc.h"
#include "net/rpc_messages.h"

namespace millrace::net {

// The header fields of a call, copied out of the frames that brought them.
class RpcHead {
 public:
  // False once there is more than `most` bytes of them, of which nothing is kept.
  bool add(std::string_view name, std::string_view value, std::size_t most);
  // After the last one: the accessors below are valid until clear().
  void finish();
  void clear();

  // Pseudo-fields under their names, but ":authority" as "Host".
  std::span<const Field> fields() const { return fields_; }
  std::string_view find(std::string_view name) const;
  bool too_large() const { return too_large_; }
  bool is_finished() const { return finished_; }

 private:
  std::string text_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sizes_;  // of names and values in text_
  std::vector<Field> fields_;
  bool too_large_ = false;
  bool finished_ = false;
};

// One call on a connection of RpcSession, which alone touches it; but while it is kAsking or kBusy, its request and its
// message are with the guard or the handler.
struct RpcStream {
  enum class State {
    kOpening,   // its head is being read
    kAsking,    // the guard is asked about it, on the pool
    kReading,   // messages are awaited, or their answers may be sent before the next one is looked at
    kBusy,      // a message is with its handler
    kAnswered,  // its status is known; what is left is to send
  };

  std::int32_t id = 0;
  std::size_t index = 0;  // where the session keeps it
  State state = State::kOpening;

  RpcHead head;
  Request request;
  const RpcMethod* method = nullptr;
  std::optional<Moment> deadline;
  std::optional<Packing> packing;  // of messages that say that they are packed

  RpcMessages messages;
  bool ended = false;               // the client sends no more
  bool gone = false;                // the client takes no more
  Moment waits_since;               // for the rest of a message
  std::string message;              // the present one, where it is not the one in `messages`
  std::optional<std::string> last;  // what a kWatch answered last
  std::size_t withheld = 0;         // bytes that the client's window was not yet widened by

  std::string out;  // messages on their way
  std::size_t out_sent = 0;
  bool begun = false;                                 // the answer's head was handed to be sent
  std::optional<std::pair<int, std::string>> status;  // how the call ends

  // For another call; keeps its memory where that is not much.
  void reset();
  std::size_t unsent() const { return out.size() - out_sent; }
  bool is_with_others() const { return state == State::kAsking || state == State::kBusy; }
};

}  // namespace millrace::net
