#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <deque>
#include <limits>
#include <thread>

#include "children.h"
#include "command.h"
#include "configuration.h"
#include "habits.h"
#include "kept_folder.h"
#include "notice_watch.h"
#include "signals.h"
#include "terminal.h"

namespace spotctl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTickMs = 100;
constexpr double kSecondsLeft = 30;  // after a signal: Kubernetes' and systemd's order of magnitude

struct Options {
  std::vector<std::string> command;
  std::vector<std::string> folders;
  KeepRules rules;
  double settle_seconds = 5;
  std::string signal = "TERM";
  double grace_seconds = std::numeric_limits<double>::quiet_NaN();
  bool no_restore = false;
  int interrupted_exit_code = kInterrupted;
};

int signal_number(const std::string& word) {
  const std::string name = word.rfind("SIG", 0) == 0 ? word.substr(3) : word;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR2}) {
    if (name == sigabbrev_np(signal)) return signal;
  }
  throw Failure(kUsage,
                "--signal cannot be '" + word + "': it takes TERM, INT, HUP, QUIT or USR2 (not USR1, which NCCL uses)");
}

/// A command, the folders that it writes to, and what there is to tell it.
class Supervision {
 public:
  /// `cancel` ends what comes before the command.
  Supervision(const Options& options, const Config& config, spot_poller* poller, spot_cancel* cancel,
              std::atomic<bool>& command_runs)
      : options_(options),
        poller_(poller),
        command_runs_(command_runs),
        signal_(signal_number(options.signal)),
        waits_(waits_after_durable(config)) {
    for (const std::string& folder : options.folders) {
      folders_.emplace_back(config, folder, options.rules, !options.no_restore, children_, cancel);
    }
  }

  int run() {
    for (;;) {
      const ChildEnd end = run_command();
      const bool durable = finish(end.killed);
      const bool lost_nothing = interrupted_ && durable && !is_fenced();
      std::uint64_t position = 0;
      if (!lost_nothing || !waits_ || !withdrawn_in_time(poller_, position)) return exit_code(end.code, durable);
      position_ = position;
      told_ = interrupted_ = false;
    }
  }

 private:
  /// How it ended, once nothing is left of it.
  ChildEnd run_command() {
    command_runs_ = true;
    command_ = children_.start(options_.command);
    for (KeptFolder& folder : folders_) folder.begin(command_);
    std::optional<ChildEnd> end;
    while (!end) {
      end = children_.wait(command_, kTickMs);
      if (end) break;
      children_.reap_orphans();
      hear_notices();
      if (is_fenced() && !told_) ask_to_stop(kSecondsLeft, "another process has taken its snapshots over");
      if (told_ && Clock::now() >= kill_at_) children_.signal(command_, SIGKILL);
    }
    command_runs_ = false;
    // Those that it left would write on.
    if (!is_settled_in_time()) end->killed = true;
    children_.kill_all();
    return *end;
  }

  /// Waits until none of the command's processes is left, or nothing is written by those that are.
  bool is_settled_in_time() {
    constexpr std::chrono::seconds kPatience{30};
    const auto limit = Clock::now() + kPatience;
    const auto is_quiet = [](const KeptFolder& folder) { return folder.quiet(); };
    while (children_.any_left()) {
      if (std::all_of(folders_.begin(), folders_.end(), is_quiet)) return true;
      hear_notices();
      if (Clock::now() >= (told_ ? kill_at_ : limit)) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(kTickMs));
    }
    return true;
  }

  void hear_notices() {
    auto notice = sized<spot_notice>();
    while (spot_poller_wait(poller_, &position_, 0, nullptr, &notice, nullptr) == SPOT_OK) {
      const bool is_of_before = notice.stale == 1 && notice.ends_run != 1;
      if (notice.withdrawn == 1 || is_of_before) continue;
      if (notice.ends_run == 1) {
        interrupted_ = true;
        const std::string detail = notice.detail;
        ask_to_stop(notice.seconds_left, std::string(notice.source) + (detail.empty() ? "" : " (" + detail + ")"));
      } else {
        for (KeptFolder& folder : folders_) folder.hurry();
      }
    }
  }

  /// Of several reasons the earliest end counts.
  void ask_to_stop(double seconds_left, const std::string& why) {
    const double grace = grace_of(seconds_left);
    const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(grace));
    kill_at_ = told_ ? std::min(kill_at_, until) : until;
    if (told_) return;
    told_ = true;
    terminal().line(format("the command gets SIG%s and %.1f s: %s", sigabbrev_np(signal_), grace, why.c_str()));
    children_.signal(command_, signal_);
  }

  double grace_of(double seconds_left) const {
    if (!std::isnan(options_.grace_seconds)) return options_.grace_seconds;
    const double left = std::isnan(seconds_left) ? kSecondsLeft : std::max(seconds_left, 0.0);
    constexpr double kLeastReserve = 2;
    double snapshots = 0;
    for (const KeptFolder& folder : folders_) snapshots += folder.longest_seconds();
    return std::max(left - std::max(kLeastReserve, 2 * snapshots), left / 2);
  }

  bool is_fenced() const {
    return std::any_of(folders_.begin(), folders_.end(), [](const KeptFolder& folder) { return folder.fenced(); });
  }

  bool finish(bool cut_off) {
    bool durable = true;
    for (KeptFolder& folder : folders_) durable = folder.finish(cut_off) && durable;
    return durable;
  }

  int exit_code(int code, bool durable) const {
    if (is_fenced()) return kFenced;
    if (interrupted_) {
      terminal().hurry();
      terminal().line(durable ? "interrupted; run the same command again to go on"
                              : "interrupted; its last snapshot is NOT durable");
      return durable ? options_.interrupted_exit_code : kInterruptedNotDurable;
    }
    return code == kDone && !durable ? kInputOutput : code;
  }

  const Options& options_;
  spot_poller* poller_;
  std::atomic<bool>& command_runs_;
  int signal_;
  bool waits_;
  Children children_;
  std::deque<KeptFolder> folders_;
  pid_t command_ = 0;
  std::uint64_t position_ = 0;
  bool told_ = false, interrupted_ = false;
  Clock::time_point kill_at_{};
};

int run(Options& options, const Configuration& configuration) {
  options.rules.settle = std::chrono::duration<double>(options.settle_seconds);
  const Config config = configuration.build();
  const Cancel cancel = make<Cancel>(spot_cancel_create);
  const Poller poller = make<Poller>(spot_poller_create, config.get());
  std::atomic<bool> command_runs{false};
  const Signals signals([&](int signal, bool by_terminal) {
    if (by_terminal && command_runs) return;  // the command has it, too, and decides
    spot_poller_notify(poller.get(), SPOT_ACTION_REQUEST, nullptr, signal_name(signal).c_str(), kSecondsLeft, nullptr,
                       nullptr);
  });
  make_habitual_volume(config);
  std::optional<Supervision> supervision;
  for (std::uint64_t position = 0;;) {
    NoticeWatch watch(poller.get(), cancel.get(), position);
    bool interrupted = true;
    try {
      supervision.emplace(options, config, poller.get(), cancel.get(), command_runs);
      interrupted = watch.end();
    } catch (const Error& error) {
      if (error.status() != SPOT_E_CANCELLED) throw;
    }
    if (!interrupted) return supervision->run();
    if (!waits_after_durable(config) || !withdrawn_in_time(poller.get(), position)) break;
    spot_cancel_reset(cancel.get());
  }
  terminal().hurry();
  terminal().line("interrupted before the command was started; run the same command again");
  return options.interrupted_exit_code;
}

}  // namespace

Action add_run(CLI::App& program) {
  auto* command = program.add_subcommand(
      "run", "Keep an unchanged command safe: put its folders back, snapshot them on the volume, stop it in time");
  auto options = std::make_shared<Options>();
  command->add_option("command", options->command, "The command and its arguments, behind --")
      ->required()
      ->type_name("-- COMMAND");
  command->add_option("--folder", options->folders, "Folder that the command saves in; may be given several times")
      ->required()
      ->allow_extra_args(false)
      ->type_name("FOLDER");
  command->add_option("--settle", options->settle_seconds, "Seconds without a write before a folder is snapshotted")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command
      ->add_option(
          "--rule", options->rules.rule,
          "What says that the checkpoints in a folder are whole: that it is quiet, or the files of a framework")
      ->check(CLI::IsMember({"quiet", "hugging-face", "pytorch", "pytorch-dcp", "orbax", "keras"}))
      ->capture_default_str();
  command
      ->add_option("--complete", options->rules.command,
                   "A shell command instead: exit code 0, in a copy of the folder, means whole")
      ->type_name("COMMAND");
  command
      ->add_option("--signal", options->signal,
                   "What the command's main process gets at a notice: TERM, INT, HUP, QUIT or USR2")
      ->capture_default_str();
  command
      ->add_option("--grace", options->grace_seconds,
                   "Seconds from then until it is killed; default: the time left, less what the snapshots take")
      ->check(CLI::Range(0.0, 1e6));
  command->add_flag("--no-restore", options->no_restore, "Leave the folders as they are before the command starts");
  command
      ->add_option("--interrupted-exit-code", options->interrupted_exit_code,
                   "Exit code instead of 75 when interrupted with durable snapshots")
      ->check(CLI::Range(0, 255))
      ->capture_default_str();
  command->footer(
      "Its stdin, stdout and stderr are the command's. The command's own exit code is passed on; 75: interrupted by a\n"
      "notice or a signal, run the same command again. Ctrl-C goes to the command alone.\n"
      "Example: spotctl run --volume /mnt/data --folder checkpoints -- python train.py --epochs 3");
  const Configuration configuration(*command);
  return [options, configuration] {
    terminal().never_wait();
    return run(*options, configuration);
  };
}

}  // namespace spotctl
