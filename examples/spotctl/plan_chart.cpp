#include "plan_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "terminal.h"

namespace spotctl {
namespace {

// In pixels. The plot is on the left, the legend on the right.
constexpr double kWidth = 1000, kHeight = 560;
constexpr double kLeft = 64, kTop = 102, kRight = 700, kBottom = 498;
constexpr double kLegend = 724, kLegendEntry = 44;
constexpr std::size_t kLongestTitle = 80;  // characters
constexpr double kSmallest = 0.25;         // what is closer together cannot be told apart

constexpr const char* kInk = "#222222";
constexpr const char* kGrey = "#666666";
constexpr const char* kGrid = "#dddddd";
constexpr const char* kShade = "#e9e9ee";

/// How a line is drawn. The colours can be told apart by those who see few of them (Okabe and Ito).
struct Stroke {
  const char* colour;
  double width;
  const char* dashes;
};

Stroke stroke_of(ChartLine::Kind kind, std::size_t fixed_before) {
  constexpr auto kFixed = std::to_array<const char*>({"#e69f00", "#56b4e9", "#cc79a7", "#009e73"});
  switch (kind) {
    case ChartLine::Kind::kOnDemand: return {kGrey, 1.5, "6 4"};
    case ChartLine::Kind::kNoCheckpoints: return {"#d55e00", 1.5, ""};
    case ChartLine::Kind::kFixed:
      return {kFixed[fixed_before % kFixed.size()], 2, fixed_before < kFixed.size() ? "" : "2 2"};
    case ChartLine::Kind::kAutomatic: return {"#0072b2", 2.5, ""};
  }
  return {kInk, 1, ""};
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : plain(text)) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\n': result += ' '; break;
      default: result += c;
    }
  }
  return result;
}

/// Not longer than a title may be, between two characters of UTF-8.
std::string cut(const std::string& text) {
  if (text.size() <= kLongestTitle) return text;
  std::size_t end = kLongestTitle;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

class Chart {
 public:
  Chart(const SpotTrace& trace, std::int64_t steps, const std::vector<ChartLine>& lines)
      : trace_(trace), steps_(static_cast<double>(steps)), lines_(lines), end_hours_(hours(choose_end())) {}

  std::string draw(const std::string& title, const std::array<std::string, 2>& notes) {
    svg_ = format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" "
        "font-family=\"sans-serif\" font-size=\"13\" fill=\"%s\">\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
        "<clipPath id=\"plot\"><rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\"/></clipPath>\n",
        kWidth, kHeight, kWidth, kHeight, kInk, kLeft, kTop - 2, kRight - kLeft, kBottom - kTop + 4);
    text(kLeft, 30, cut(plain(title)), "font-size=\"18\" font-weight=\"bold\"");
    text(kLeft, 52, notes[0], colour(kGrey));
    text(kLeft, 70, notes[1], colour(kGrey));
    shade_down_times();
    axes();
    for (std::size_t i = 0; i < lines_.size(); ++i) line(lines_[i], stroke(i));
    legend();
    return svg_ + "</svg>\n";
  }

 private:
  static double hours(std::int64_t ns) { return static_cast<double>(ns) / 3.6e12; }
  static std::string colour(const char* name) { return format("fill=\"%s\"", name); }

  /// Until all are done; one that never is must not squeeze the others.
  [[nodiscard]] std::int64_t choose_end() const {
    std::int64_t last = 1;
    bool all = true;
    for (const ChartLine& line : lines_) {
      all = all && line.replay->done;
      if (line.replay->done) last = std::max(last, line.replay->end_ns);
    }
    return all ? last + last / 50 : std::max(last, std::min(trace_.end_ns, last / 5 * 8));
  }

  [[nodiscard]] double x_of(double at_hours) const { return kLeft + at_hours / end_hours_ * (kRight - kLeft); }
  [[nodiscard]] double y_of(double part) const { return kBottom - part * (kBottom - kTop); }

  [[nodiscard]] Stroke stroke(std::size_t index) const {
    const auto is_fixed = [](const ChartLine& line) { return line.kind == ChartLine::Kind::kFixed; };
    const auto before = std::count_if(lines_.begin(), lines_.begin() + static_cast<std::ptrdiff_t>(index), is_fixed);
    return stroke_of(lines_[index].kind, static_cast<std::size_t>(before));
  }

  void text(double x, double y, const std::string& words, const std::string& attributes = "") {
    svg_ += format("<text x=\"%.1f\" y=\"%.1f\" %s>%s</text>\n", x, y, attributes.c_str(), escaped(words).c_str());
  }

  void straight(double x1, double y1, double x2, double y2, const char* ink, const char* dashes = "") {
    svg_ += format("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-dasharray=\"%s\"/>\n",
                   x1, y1, x2, y2, ink, dashes);
  }

  void shade(double from, double to) {
    if (to - from < kSmallest) return;
    svg_ += format("<rect x=\"%.2f\" y=\"%g\" width=\"%.2f\" height=\"%g\" fill=\"%s\"/>\n", from, kTop, to - from,
                   kBottom - kTop, kShade);
  }

  void shade_down_times() {
    double from = kLeft, to = kLeft;  // of what is not drawn yet
    const auto add = [&](std::int64_t begin_ns, std::int64_t end_ns) {
      const double begin = std::min(x_of(hours(begin_ns)), kRight), end = std::min(x_of(hours(end_ns)), kRight);
      if (begin - to > kSmallest) {
        shade(from, to);
        from = begin;
      }
      to = std::max(to, end);
    };
    std::int64_t down_ns = 0;
    for (const Uptime& uptime : trace_.uptimes) {
      if (uptime.up_ns > down_ns) add(down_ns, uptime.up_ns);
      down_ns = uptime.down_ns;
    }
    if (trace_.end_ns > down_ns) add(down_ns, trace_.end_ns);
    shade(from, to);
  }

  void axes() {
    for (const int percent : {0, 25, 50, 75, 100}) {
      const double y = y_of(percent / 100.0);
      straight(kLeft, y, kRight, y, percent == 0 ? kInk : kGrid);
      text(kLeft - 8, y + 4.5, format("%d %%", percent), "text-anchor=\"end\"");
    }
    double step = std::pow(10, std::floor(std::log10(end_hours_ / 5)));
    for (const double factor : {5.0, 2.0}) {
      if (end_hours_ / (step * factor) >= 5) {
        step *= factor;
        break;
      }
    }
    for (int i = 0; i * step <= end_hours_ * 1.0001; ++i) {
      const double x = x_of(i * step);
      straight(x, kBottom, x, kBottom + 5, kInk);
      text(x, kBottom + 20, format("%.12g", i * step), "text-anchor=\"middle\"");
    }
    text((kLeft + kRight) / 2, kBottom + 42, "hours since the trace began", "text-anchor=\"middle\"");
    text(kLeft, kTop - 8, "progress", colour(kGrey));
    const double end = x_of(hours(trace_.end_ns));
    if (end < kRight - 1) {
      straight(end, kTop, end, kBottom, kGrey, "2 3");
      text(end - 5, kTop + 14, "end of trace", colour(kGrey) + " text-anchor=\"end\"");
    }
  }

  void line(const ChartLine& chart_line, const Stroke& stroke) {
    std::string points;
    double last_x = -1, last_y = -1;
    const auto& corners = chart_line.replay->line;
    for (std::size_t i = 0; i < corners.size(); ++i) {
      const double x = x_of(hours(corners[i].at_ns)), y = y_of(static_cast<double>(corners[i].steps) / steps_);
      const bool is_seen = std::abs(x - last_x) > kSmallest || std::abs(y - last_y) > kSmallest;
      if (!is_seen && i + 1 < corners.size()) continue;
      points += format("%.1f,%.1f ", x, y);
      last_x = x;
      last_y = y;
      if (x > kRight) break;
    }
    svg_ += format(
        "<polyline clip-path=\"url(#plot)\" fill=\"none\" stroke=\"%s\" stroke-width=\"%g\" stroke-dasharray=\"%s\" "
        "stroke-linejoin=\"round\" points=\"%s\"/>\n",
        stroke.colour, stroke.width, stroke.dashes, points.c_str());
    if (!chart_line.replay->done || last_x > kRight) return;
    svg_ += format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\" stroke=\"white\"/>\n", last_x, last_y,
                   stroke.colour);
  }

  void legend() {
    double y = kTop + 8;
    for (std::size_t i = 0; i < lines_.size(); ++i, y += kLegendEntry) {
      const Stroke look = stroke(i);
      svg_ += format(
          "<line x1=\"%g\" y1=\"%g\" x2=\"%g\" y2=\"%g\" stroke=\"%s\" stroke-width=\"%g\" stroke-dasharray=\"%s\"/>\n",
          kLegend, y, kLegend + 26, y, look.colour, look.width + 0.5, look.dashes);
      text(kLegend + 36, y + 4.5, lines_[i].name, "font-weight=\"bold\"");
      text(kLegend + 36, y + 21, lines_[i].result, colour(kGrey));
    }
    svg_ += format("<rect x=\"%g\" y=\"%g\" width=\"26\" height=\"14\" fill=\"%s\"/>\n", kLegend, y - 7, kShade);
    text(kLegend + 36, y + 4.5, "no machine to be had", colour(kGrey));
  }

  const SpotTrace& trace_;
  double steps_;
  const std::vector<ChartLine>& lines_;
  double end_hours_;
  std::string svg_;
};

}  // namespace

std::string plan_chart(const std::string& title, const std::array<std::string, 2>& notes, const SpotTrace& trace,
                       std::int64_t steps, const std::vector<ChartLine>& lines) {
  return Chart(trace, steps, lines).draw(title, notes);
}

}  // namespace spotctl
