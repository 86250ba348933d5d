#pragma once

#include <cstddef>

/// What a file sees that was compiled as one of the standards of C++.
struct SeenFromFile {
  std::size_t size_of_stop = 0;
  unsigned long long steps = 0;            ///< that were trained, of three
  unsigned long long steps_cancelled = 0;  ///< likewise, with a Stop that was triggered
};

namespace cpp17 {
SeenFromFile train();
}
namespace cpp20 {
SeenFromFile train();
}
