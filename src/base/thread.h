#pragma once

#include <functional>
#include <string>
#include <thread>

namespace spot {

/// Starts a thread of the library: named (15 characters at most, as seen in top and gdb), with every signal
/// blocked, so that a host's signals are never delivered to us.
std::thread start_thread(const std::string& name, std::function<void()> body);

/// Processors that this process may run on.
int available_processors();

}  // namespace spot
