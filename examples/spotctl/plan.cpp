#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "command.h"
#include "exit_code.h"
#include "json_line.h"
#include "plan_chart.h"
#include "replay.h"
#include "spot_trace.h"
#include "terminal.h"

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string trace;
  double job_hours = 24;
  double step_seconds = 1;
  double save_seconds = 1;
  std::optional<double> durable_seconds;
  double start_seconds = 180;
  double notice_seconds = 120;
  std::vector<double> every;  ///< none: usual_intervals()
  std::optional<double> mean_uptime_seconds;
  std::uint64_t nodes = 1;
  double spot_price = 0.97;
  double on_demand_price = 3.06;
  std::string chart;
  bool json = false;
};

/// A way to run the job, and what became of it.
struct Contender {
  ChartLine::Kind kind = ChartLine::Kind::kFixed;
  double interval_seconds = 0;  ///< 0: nothing is saved before the end
  Replay replay;
  double cost = 0;
};

std::int64_t nanoseconds(double seconds) {
  return std::llround(seconds * 1e9);
}

double seconds(std::int64_t ns) {
  return static_cast<double>(ns) * 1e-9;
}

double hours(std::int64_t ns) {
  return seconds(ns) / 3600;
}

/// 97.2 s, 600 s
std::string short_seconds(double value) {
  return format(value < 100 ? "%.3g s" : "%.0f s", value);
}

std::string name_of(const Contender& contender) {
  switch (contender.kind) {
    case ChartLine::Kind::kOnDemand: return "on-demand";
    case ChartLine::Kind::kNoCheckpoints: return "no checkpoints";
    case ChartLine::Kind::kFixed: return "every " + short_seconds(contender.interval_seconds);
    case ChartLine::Kind::kAutomatic: return "auto: every " + short_seconds(contender.interval_seconds);
  }
  return "";
}

/// A key of JSON rather than words for people.
const char* policy_of(ChartLine::Kind kind) {
  switch (kind) {
    case ChartLine::Kind::kOnDemand: return "on-demand";
    case ChartLine::Kind::kNoCheckpoints: return "none";
    case ChartLine::Kind::kFixed: return "fixed";
    case ChartLine::Kind::kAutomatic: return "auto";
  }
  return "";
}

PlannedJob job_of(const Options& options) {
  PlannedJob job;
  job.step_ns = nanoseconds(options.step_seconds);
  job.steps = std::max<std::int64_t>(1, std::llround(options.job_hours * 3600 / options.step_seconds));
  job.save_ns = nanoseconds(options.save_seconds);
  job.durable_ns = nanoseconds(options.durable_seconds.value_or(options.save_seconds));
  job.start_ns = nanoseconds(options.start_seconds);
  job.notice_ns = nanoseconds(options.notice_seconds);
  return job;
}

/// Those that the job's saves can keep up with.
std::vector<double> usual_intervals(const PlannedJob& job) {
  std::vector<double> intervals{60, 600, 3600};
  std::erase_if(intervals, [&](double every) { return nanoseconds(every) < job.durable_ns; });
  return intervals;
}

void check(const Options& options, const PlannedJob& job) {
  constexpr std::size_t kMostIntervals = 6;  // that a chart shows
  if (options.every.size() > kMostIntervals) {
    throw Failure(kUsage, format("--every has %zu values: give %zu at most", options.every.size(), kMostIntervals));
  }
  if (job.durable_ns < job.save_ns) {
    throw Failure(kUsage, format("--durable-seconds %g is less than --save-seconds %g: it counts from the same moment",
                                 *options.durable_seconds, options.save_seconds));
  }
  for (const double every : options.every) {
    if (nanoseconds(every) >= job.durable_ns) continue;
    throw Failure(kUsage, format("--every %g is less than the %g seconds until a save is durable: saves would queue up",
                                 every, seconds(job.durable_ns)));
  }
}

spot::SavePolicy policy_by_time() {
  spot::SavePolicy policy;
  policy.every_epochs = 0;
  return policy;
}

/// On-demand is a machine that nobody takes away.
Contender on_demand(const PlannedJob& job) {
  SpotTrace trace;
  trace.end_ns = std::numeric_limits<std::int64_t>::max() / 2;
  trace.uptimes = {{0, trace.end_ns}};
  trace.ends_up = true;
  return {ChartLine::Kind::kOnDemand, 0, replay(trace, job, std::nullopt), 0};
}

Contender fixed(const SpotTrace& trace, const PlannedJob& job, double every) {
  spot::SavePolicy policy = policy_by_time();
  policy.every_ns = nanoseconds(every);
  return {ChartLine::Kind::kFixed, every, replay(trace, job, policy), 0};
}

Contender automatic(const SpotTrace& trace, const PlannedJob& job, double mean_uptime_seconds) {
  spot::SavePolicy policy = policy_by_time();
  policy.automatic.emplace(mean_uptime_seconds);
  spot::AutoInterval learnt = *policy.automatic;
  learnt.learn(job.save_ns);
  const double interval = seconds(std::max(learnt.interval_ns(), job.durable_ns));
  return {ChartLine::Kind::kAutomatic, interval, replay(trace, job, policy), 0};
}

/// In the order of table and chart: that of checkpoint_seconds=auto is the last.
std::vector<Contender> contenders(const Options& options, const SpotTrace& trace, const PlannedJob& job,
                                  double mean_uptime_seconds) {
  std::vector<Contender> all;
  all.push_back(on_demand(job));
  all.push_back({ChartLine::Kind::kNoCheckpoints, 0, replay(trace, job, std::nullopt), 0});
  for (const double every : options.every) all.push_back(fixed(trace, job, every));
  all.push_back(automatic(trace, job, mean_uptime_seconds));
  for (Contender& contender : all) {
    const double price = contender.kind == ChartLine::Kind::kOnDemand ? options.on_demand_price : options.spot_price;
    contender.cost = hours(contender.replay.machine_ns) * price * static_cast<double>(options.nodes);
  }
  return all;
}

std::string percent_done(const Contender& contender, const PlannedJob& job) {
  const double part = static_cast<double>(contender.replay.steps) / static_cast<double>(job.steps);
  return format("%.0f %%", std::floor(100 * part));
}

std::string trace_words(const SpotTrace& trace) {
  const double up = static_cast<double>(trace.up_ns()) / static_cast<double>(trace.end_ns);
  const auto interruptions = static_cast<unsigned long long>(trace.interruptions());
  const std::string mean = interruptions == 0 ? "" : format(", mean uptime %.0f s", trace.mean_uptime_seconds());
  return format("%.1f h, up %.0f %% of them, %llu interruption%s%s", hours(trace.end_ns), 100 * up, interruptions,
                interruptions == 1 ? "" : "s", mean.c_str());
}

std::string job_words(const Options& options, const PlannedJob& job) {
  return format("%g h in steps of %g s; a save costs %g s and is durable after %g s; a start takes %g s; %s",
                options.job_hours, options.step_seconds, options.save_seconds, seconds(job.durable_ns),
                options.start_seconds,
                options.notice_seconds > 0 ? format("notice %g s", options.notice_seconds).c_str() : "no notice");
}

void print_table(const Options& options, const SpotTrace& trace, const PlannedJob& job,
                 const std::vector<Contender>& all) {
  print_line("trace: " + plain(trace_words(trace)));
  print_line("job:   " + job_words(options, job));
  print_line(format("\n%-20s %10s %10s %8s %8s %7s %7s %9s %10s   %s", "checkpoints", "done after", "machines", "lost",
                    "saving", "saves", "starts", "cost", "of", "auto keeps"));
  print_line(format("%-20s %10s %10s %8s %8s %7s %7s %9s %10s   %8s %9s", "", "h", "h", "h", "h", "", "", "",
                    "on-demand", "h", "cost"));
  const Contender& on_demand = all.front();
  const Contender& automatic = all.back();
  for (const Contender& contender : all) {
    const Replay& replay = contender.replay;
    const bool compared = replay.done && automatic.replay.done && &contender != &automatic;
    const std::string done = replay.done ? format("%.2f", hours(replay.end_ns)) : percent_done(contender, job) + " !";
    print_line(format(
        "%-20s %10s %10.2f %8.2f %8.2f %7llu %7llu %9.2f %10s   %8s %9s", name_of(contender).c_str(), done.c_str(),
        hours(replay.machine_ns), hours(replay.lost_steps * job.step_ns), hours(replay.saving_ns),
        static_cast<unsigned long long>(replay.saves), static_cast<unsigned long long>(replay.starts), contender.cost,
        replay.done && on_demand.cost > 0 ? format("%.0f %%", 100 * contender.cost / on_demand.cost).c_str() : "-",
        compared ? format("%.2f", hours(replay.end_ns - automatic.replay.end_ns)).c_str() : "-",
        compared ? format("%.2f", contender.cost - automatic.cost).c_str() : "-"));
  }
  const bool all_done = std::all_of(all.begin(), all.end(), [](const Contender& c) { return c.replay.done; });
  if (!all_done) print_line("! not done when the trace ends: so much is, and the cost is that so far");
}

Json json_of(const Options& options, const SpotTrace& trace, const PlannedJob& job, double mean_uptime_seconds,
             const std::vector<Contender>& all) {
  Json policies = Json::array();
  for (const Contender& contender : all) {
    const Replay& replay = contender.replay;
    policies.push_back(
        {{"policy", policy_of(contender.kind)},
         {"interval_seconds", contender.interval_seconds > 0 ? Json(contender.interval_seconds) : Json()},
         {"done", replay.done},
         {"progress", static_cast<double>(replay.steps) / static_cast<double>(job.steps)},
         {"seconds", seconds(replay.end_ns)},
         {"machine_seconds", seconds(replay.machine_ns)},
         {"lost_seconds", seconds(replay.lost_steps * job.step_ns)},
         {"saving_seconds", seconds(replay.saving_ns)},
         {"saves", replay.saves},
         {"starts", replay.starts},
         {"cost", contender.cost}});
  }
  return {{"trace",
           {{"path", options.trace},
            {"seconds", seconds(trace.end_ns)},
            {"up_seconds", seconds(trace.up_ns())},
            {"interruptions", trace.interruptions()},
            {"mean_uptime_seconds", trace.mean_uptime_seconds()}}},
          {"job",
           {{"steps", job.steps},
            {"step_seconds", seconds(job.step_ns)},
            {"save_seconds", seconds(job.save_ns)},
            {"durable_seconds", seconds(job.durable_ns)},
            {"start_seconds", seconds(job.start_ns)},
            {"notice_seconds", seconds(job.notice_ns)},
            {"mean_uptime_seconds", mean_uptime_seconds},
            {"nodes", options.nodes}}},
          {"policies", policies}};
}

void write_chart(const Options& options, const SpotTrace& trace, const PlannedJob& job,
                 const std::vector<Contender>& all) {
  std::vector<ChartLine> lines;
  for (const Contender& contender : all) {
    const std::string result =
        contender.replay.done ? format("done after %.1f h, cost %.2f", hours(contender.replay.end_ns), contender.cost)
                              : percent_done(contender, job) + format(" at the end, cost %.2f", contender.cost);
    lines.push_back({name_of(contender), result, &contender.replay, contender.kind});
  }
  const std::string name = std::filesystem::path(options.trace).filename();
  const std::string chart =
      plan_chart(name, {"Trace: " + trace_words(trace), "Job: " + job_words(options, job)}, trace, job.steps, lines);
  errno = 0;
  std::ofstream file(options.chart, std::ios::binary | std::ios::trunc);
  file << chart;
  file.close();
  if (file) return;
  throw Failure(kInputOutput, "chart '" + options.chart +
                                  "' cannot be written: " + std::generic_category().message(errno != 0 ? errno : EIO));
}

int plan(Options options) {
  const PlannedJob job = job_of(options);
  if (options.every.empty()) options.every = usual_intervals(job);
  check(options, job);
  const SpotTrace trace = read_spot_trace(options.trace, options.nodes);
  const double mean_uptime_seconds = options.mean_uptime_seconds.value_or(trace.mean_uptime_seconds());
  const std::vector<Contender> all = contenders(options, trace, job, mean_uptime_seconds);
  if (!options.chart.empty()) write_chart(options, trace, job, all);
  if (options.json) {
    print_line(json_line(json_of(options, trace, job, mean_uptime_seconds, all)));
  } else {
    print_table(options, trace, job, all);
  }
  return kDone;
}

/// Within bounds, and no NaN, which CLI::Range takes.
CLI::Validator between(double minimum, double maximum) {
  const CLI::Range range(minimum, maximum);
  return {[range, minimum, maximum](std::string& input) {
            const std::string refused = range(input);
            const bool is_nan = input.find_first_of("nN") != std::string::npos;
            return is_nan ? format("Value %s not in range %f to %f", input.c_str(), minimum, maximum) : refused;
          },
          format("%.12g to %.12g", minimum, maximum)};
}

}  // namespace

Action add_plan(CLI::App& program) {
  auto* command = program.add_subcommand(
      "plan", "Replays a trace of interruptions: what a job takes and costs, by how often it is saved");
  auto options = std::make_shared<Options>();
  Options& o = *options;
  command->add_option("--trace", o.trace, "When there were machines, see below")->required()->type_name("FILE");
  const auto add = [&](const char* name, auto& value, double minimum, double maximum, const char* help) {
    return command->add_option(name, value, help)->check(between(minimum, maximum));
  };
  add("--job-hours", o.job_hours, 0.001, 1e5, "Training time of the job, were it never interrupted")
      ->capture_default_str();
  add("--step-seconds", o.step_seconds, 0.001, 1e5, "Time of a step")->capture_default_str();
  add("--save-seconds", o.save_seconds, 0, 1e5, "Time that training loses to a save")->capture_default_str();
  add("--durable-seconds", o.durable_seconds, 0, 1e5,
      "Time from the begin of a save until it survives the machine; default: as --save-seconds");
  add("--start-seconds", o.start_seconds, 0, 1e5, "Time from a machine's start to the first step: boot, restore")
      ->capture_default_str();
  add("--notice-seconds", o.notice_seconds, 0, 1e5,
      "How long before its end a machine is told, and saves: 120 on AWS, 30 on GCP and Azure; 0: never")
      ->capture_default_str();
  add("--every", o.every, 1, 1e9, "Fixed interval to compare with, in seconds; may be given several times")
      ->default_str("60, 600 and 3600, those that are no shorter than a save");
  add("--mean-uptime-seconds", o.mean_uptime_seconds, 1, 1e9,
      "What the key mean_uptime_seconds is for checkpoint_seconds=auto; default: what the trace shows");
  command->add_option("--nodes", o.nodes, "Machines that the job needs at the same time; for traces in JSON")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  add("--spot-price", o.spot_price, 0, 1e6, "Price of a machine and hour that may be interrupted")
      ->capture_default_str();
  add("--on-demand-price", o.on_demand_price, 0, 1e6,
      "Price of one that may not; both default to AWS's p3.2xlarge, 2023")
      ->capture_default_str();
  command->add_option("--chart", o.chart, "Draw progress over time into an SVG image")->type_name("FILE");
  command->add_flag("--json", o.json, "One JSON object on stdout");
  command->footer(
      "A trace is JSON as in github.com/skypilot-org/spot-traces,\n"
      "  {\"metadata\": {\"gap_seconds\": 60}, \"data\": [1, 1, 0, 1]}\n"
      "where data are the numbers of machines to be had, one each gap_seconds; or it is CSV, a line for each machine\n"
      "that the job gets, one after the other: the seconds, since any moment, of its start and its end.\n\n"
      "The job is run through the trace by the code that decides in 'spotctl train' when to save: not at all, at "
      "fixed\n"
      "intervals, and as checkpoint_seconds=auto does. Lost is work that is to be done again. A machine is paid for\n"
      "from its start to its end, or the job's.\n\n"
      "Example:\n"
      "  spotctl plan --trace us-west-2b_v100_1.json --job-hours 48 --save-seconds 2 --chart plan.svg");
  return [options] { return plan(*options); };
}

}  // namespace spotctl
