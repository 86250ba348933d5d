#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

namespace spot {

/// Starts a thread of the library: named (15 characters at most, as seen in top and gdb), with every signal
/// blocked, so that a host's signals are never delivered to us. `body` lets no exception out: that would end the
/// host. Throws kIo when the system starts no further thread.
std::thread start_thread(const std::string& name, std::function<void()> body);

/// How the scheduler treats a thread that was started here: kBatch lets those that are interactive or in step with
/// others go first, and is no slower where a processor is idle. Where the system refuses, nothing changes.
enum class Priority : std::uint8_t { kNormal, kBatch };
void set_priority(std::thread& thread, Priority priority);

/// Nanoseconds that processors have worked for the calling thread.
std::int64_t thread_processor_ns();

}  // namespace spot
