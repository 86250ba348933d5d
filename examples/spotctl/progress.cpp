#include "progress.h"

#include <algorithm>
#include <cmath>

#include "terminal.h"

namespace spotctl {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::seconds kLine{5};

std::string percent(double part) {
  return std::isnan(part) ? "-" : format("%.2f %%", 100 * part);
}

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 120) return format("%.0f s", seconds);
  if (seconds < 7200) return format("%.0f min", seconds / 60);
  return format("%.1f h", seconds / 3600);
}

Progress::Progress(std::uint64_t total_steps) : total_steps_(total_steps) {}

Progress::~Progress() {
  terminal().status("");
}

void Progress::show(const spot_event& event) {
  switch (event.kind) {
    case SPOT_EVENT_RUN_BEGIN:
      first_step_ = event.step;
      started_ = Clock::now();
      return;
    case SPOT_EVENT_STEP: return show_step(event);
    case SPOT_EVENT_EPOCH_END:
      terminal().line(
          format("epoch %llu  train loss %.4f", static_cast<unsigned long long>(event.epoch), event.loss) +
          (std::isnan(event.test_loss)
               ? ""
               : format("  test loss %.4f  test accuracy %s", event.test_loss, percent(event.test_accuracy).c_str())) +
          (std::isnan(event.validation_accuracy) ? "" : "  validation accuracy " + percent(event.validation_accuracy)));
      return;
    default: return;
  }
}

void Progress::show_step(const spot_event& event) {
  const double rate = event.samples_per_second;
  samples_per_second_ = samples_per_second_ == 0 ? rate : 0.95 * samples_per_second_ + 0.05 * rate;
  const auto now = Clock::now();
  const bool interactive = terminal().interactive();
  const auto interval = interactive ? Clock::duration(kRedraw) : Clock::duration(kLine);
  if (now - shown_ < interval && event.step != total_steps_) return;
  shown_ = now;
  const double elapsed = std::chrono::duration<double>(now - started_).count();
  const double steps_per_second = static_cast<double>(event.step - first_step_) / std::max(elapsed, 1e-9);
  if (interactive) {
    terminal().status(bar(event, steps_per_second));
  } else {
    terminal().line(format("step %llu of %llu  loss %.4f  accuracy %s  %.0f samples/s",
                           static_cast<unsigned long long>(event.step), static_cast<unsigned long long>(total_steps_),
                           event.loss, percent(event.accuracy).c_str(), samples_per_second_),
                    Weight::kRoutine);
  }
}

std::string Progress::bar(const spot_event& event, double steps_per_second) const {
  const double done = static_cast<double>(event.step) / static_cast<double>(std::max<std::uint64_t>(1, total_steps_));
  const double left =
      static_cast<double>(total_steps_ - std::min(total_steps_, event.step)) / std::max(steps_per_second, 1e-9);
  const std::string tail =
      format(" epoch %llu  step %llu/%llu  loss %.4f  acc %s  %.0f samples/s  %s left",
             static_cast<unsigned long long>(event.epoch), static_cast<unsigned long long>(event.step),
             static_cast<unsigned long long>(total_steps_), event.loss, percent(event.accuracy).c_str(),
             samples_per_second_, duration_text(left).c_str());
  const int room = terminal().columns() - static_cast<int>(tail.size()) - 3;
  if (room < 8) return tail.substr(1, static_cast<std::size_t>(std::max(1, terminal().columns() - 1)));
  const int width = std::min(room, 40);
  const int filled = static_cast<int>(done * width);
  return "[" + std::string(static_cast<std::size_t>(filled), '#') +
         std::string(static_cast<std::size_t>(width - filled), '.') + "]" + tail;
}

}  // namespace spotctl
