#include <cstddef>
#include <cstdint>
#include <string_view>

#include "interrupt/aws.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  spot::parse_instance_action(body);
  spot::parse_termination_time(body);
  spot::parse_rebalance(body);
  return 0;
}
