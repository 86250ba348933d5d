// Stop holds more in the files of C++20 than in those of C++17: each file must use its own.

#include <iostream>

#include "cpp_standard.h"

int main() {
  const SeenFromFile seventeen = cpp17::train();
  const SeenFromFile twenty = cpp20::train();
  if (seventeen.size_of_stop == twenty.size_of_stop) {
    std::cerr << "both have the same Stop: this test tests nothing\n";
    return 1;
  }
  for (const SeenFromFile& seen : {seventeen, twenty}) {
    if (seen.steps == 3 && seen.steps_cancelled == 0) continue;
    std::cerr << seen.steps << " steps of 3, and " << seen.steps_cancelled << " of none, with a Stop of "
              << seen.size_of_stop << " bytes\n";
    return 1;
  }
}
