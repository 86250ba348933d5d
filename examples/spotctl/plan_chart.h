#pragma once

#include <array>
#include <string>
#include <vector>

#include "replay.h"

namespace spotctl {

/// One line of the chart.
struct ChartLine {
  std::string name;    ///< "every 60 s"
  std::string result;  ///< "done after 30.2 h for 29.30"
  const Replay* replay = nullptr;
  enum class Kind { kOnDemand, kNoCheckpoints, kFixed, kAutomatic } kind = Kind::kFixed;
};

/// Progress over time as an SVG image, the times without a machine shaded; `steps` are the job's, `notes` are two lines
/// below the title.
std::string plan_chart(const std::string& title, const std::array<std::string, 2>& notes, const SpotTrace& trace,
                       std::int64_t steps, const std::vector<ChartLine>& lines);

}  // namespace spotctl
