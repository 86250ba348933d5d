#include "session/run_id.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <string_view>

#include <sys/random.h>

#include "base/status.h"
#include "base/text.h"

namespace spot {

std::string make_run_id(const Clock& clock) {
  const auto seconds = static_cast<std::time_t>(clock.wall_ns() / 1'000'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char time[32];
  const std::size_t length = std::strftime(time, sizeof time, "%Y%m%d-%H%M%S", &utc);
  std::uint16_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random) {
    fail_errno("cannot make up a run_id", errno);
  }
  return cat(std::string_view(time, length), "-", to_hex(&random, sizeof random));
}

void check_run_id(const std::string& run_id) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  if (run_id.empty() || run_id.size() > 63 || run_id.find_first_not_of(kAllowed) != std::string::npos) {
    fail(Status::kConfig,
         cat("run_id '", printable(run_id), "' cannot name files: use 1 to 63 letters, digits, '-' and '_'"));
  }
}

}  // namespace spot
