#pragma once

#include <string>

namespace spot {

/// Why `url` cannot be the base of plain HTTP requests, as the end of a sentence about it; empty: it can.
std::string fault_of_http_base(const std::string& url);

}  // namespace spot
