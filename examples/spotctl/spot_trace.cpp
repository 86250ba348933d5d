#include "spot_trace.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "exit_code.h"
#include "input_file.h"
#include "terminal.h"

namespace spotctl {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kLargestFile = std::uint64_t{16} << 20;
constexpr double kLongestSeconds = 1e9;  // 32 years

std::int64_t nanoseconds(double seconds) {
  return std::llround(seconds * 1e9);
}

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Failure(kBadData, "trace '" + path + "': " + why);
}

/// A value as it is quoted in a message.
std::string quoted(const Json& value) {
  if (value.is_structured()) return value.is_array() ? "an array" : "an object";
  const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() <= 40 ? text : text.substr(0, 40) + "...";
}

[[noreturn]] void refuse_length(const std::string& path) {
  refuse(path, format("it lasts longer than %.0f seconds, 32 years", kLongestSeconds));
}

/// {"metadata": {"gap_seconds": N}, "data": [machines to be had, a number each N seconds]}
SpotTrace trace_of_json(const std::string& text, const std::string& path, std::uint64_t nodes) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) refuse(path, "it begins like JSON, but is none: it may be cut off");
  const Json::json_pointer gap_at("/metadata/gap_seconds"), data_at("/data");
  if (!json.contains(gap_at) || !json[gap_at].is_number()) refuse(path, "metadata.gap_seconds, a number, is missing");
  if (!json.contains(data_at) || !json[data_at].is_array() || json[data_at].empty()) {
    refuse(path, "data, an array of the numbers of machines that were to be had, is missing or empty");
  }
  const double gap = json[gap_at].get<double>();
  if (!(gap >= 0.001)) refuse(path, "metadata.gap_seconds is " + quoted(json[gap_at]) + ": it must be 0.001 or more");
  const Json& data = json[data_at];
  if (gap * static_cast<double>(data.size()) > kLongestSeconds) refuse_length(path);
  const auto time_of = [&](std::size_t index) { return nanoseconds(gap * static_cast<double>(index)); };
  SpotTrace trace;
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (!data[i].is_number_unsigned()) {
      refuse(path,
             "data[" + std::to_string(i) + "] is " + quoted(data[i]) + ": it must be a number of machines, 0 or more");
    }
    const auto count = data[i].get<std::uint64_t>();
    most = std::max(most, count);
    const bool goes_on = trace.ends_up;
    trace.ends_up = count >= nodes;
    if (trace.ends_up && !goes_on) trace.uptimes.push_back({time_of(i), 0});
    if (trace.ends_up) trace.uptimes.back().down_ns = time_of(i + 1);
  }
  trace.end_ns = time_of(data.size());
  if (trace.uptimes.empty() && nodes == 1) refuse(path, "there is never a machine in it");
  if (trace.uptimes.empty()) {
    refuse(path, "there are never " + std::to_string(nodes) + " machines in it at once, at most " +
                     std::to_string(most) + ": give a smaller --nodes");
  }
  return trace;
}

/// A number alone between white space; nothing for anything else.
std::optional<double> number_of(std::string_view field) {
  const auto begin = field.find_first_not_of(" \t\r"), end = field.find_last_not_of(" \t\r");
  if (begin == std::string_view::npos) return std::nullopt;
  field = field.substr(begin, end - begin + 1);
  double value = 0;
  const auto [rest, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || rest != field.data() + field.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// Two numbers with a comma between them; nothing for anything else.
std::optional<std::pair<double, double>> row_of(std::string_view line) {
  const std::size_t comma = line.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto up = number_of(line.substr(0, comma)), down = number_of(line.substr(comma + 1));
  if (!up || !down) return std::nullopt;
  return std::pair(*up, *down);
}

/// Lines "up,down": the seconds, from whatever moment, at which a machine came and went.
SpotTrace trace_of_csv(std::string_view text, const std::string& path) {
  SpotTrace trace;
  double first = 0, last = 0;
  bool had_names = false;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos || line[0] == '#') continue;
    const auto refuse_line = [&](const std::string& why) {
      refuse(path, "line " + std::to_string(number) + ": " + why);
    };
    const auto row = row_of(line);
    if (!row) {
      const bool is_names = trace.uptimes.empty() && !had_names && line.find(',') != std::string_view::npos &&
                            !number_of(line.substr(0, line.find(',')));
      if (!is_names)
        refuse_line("it is not two numbers with a comma between them, the seconds of a machine's start and end");
      had_names = true;
      continue;
    }
    const auto [up, down] = *row;
    if (trace.uptimes.empty()) first = last = up;
    if (!(up < down)) refuse_line(format("the machine's end, %.15g, is not after its start, %.15g", down, up));
    if (up < last) {
      refuse_line(
          format("the machine starts at %.15g, before the one above ends, at %.15g: sort the lines by time", up, last));
    }
    last = down;
    if (last - first > kLongestSeconds) refuse_length(path);
    trace.uptimes.push_back({nanoseconds(up - first), nanoseconds(down - first)});
  }
  if (trace.uptimes.empty())
    refuse(path, "there is no line \"start,end\" in it, the seconds of a machine's start and end");
  trace.end_ns = trace.uptimes.back().down_ns;
  return trace;
}

}  // namespace

std::int64_t SpotTrace::up_ns() const {
  std::int64_t sum = 0;
  for (const Uptime& uptime : uptimes) sum += uptime.down_ns - uptime.up_ns;
  return sum;
}

double SpotTrace::mean_uptime_seconds() const {
  return static_cast<double>(up_ns()) * 1e-9 / static_cast<double>(std::max<std::uint64_t>(interruptions(), 1));
}

SpotTrace read_spot_trace(const std::string& path, std::uint64_t nodes) {
  const std::string text = read_input(path, "trace", kLargestFile, kInputOutput);
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) refuse(path, "it is empty");
  if (text[begin] == '{' || text[begin] == '[') return trace_of_json(text, path, nodes);
  if (nodes != 1)
    refuse(path, "--nodes is for traces in JSON: a CSV file tells of one machine, or of all of them together");
  return trace_of_csv(text, path);
}

}  // namespace spotctl
