#include <limits>
#include <spot_trainer.h>

#include "base/clock.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/structs.h"
#include "train/records.h"

// What any thread may ask of a trainer while it is at work.

using spot::check_process;
using spot::guard;
using spot::required;

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

spot_trainer_info describe(const spot::Session& session) {
  const spot::Progress progress = session.progress().look();
  const spot::Trainer& trainer = session.trainer();
  const spot::Dataset& dataset = session.dataset();
  const spot::StateLayout& layout = session.engine().layout();
  spot_trainer_info info{};
  info.threads = session.engine().threads();
  info.step = progress.step;
  info.steps_per_epoch = trainer.steps_per_epoch();
  info.epoch = spot::epoch_of(progress.step, info.steps_per_epoch);
  info.epochs_done = progress.step / info.steps_per_epoch;
  info.total_steps = trainer.total_steps();
  info.parameter_count = layout.parameter_count();
  info.tensor_count = layout.tensors().size();
  info.state_size = layout.size();
  info.train_samples = dataset.train.count;
  info.validation_samples = dataset.validation.count;
  info.test_samples = dataset.test.count;
  info.classes = dataset.classes;
  info.rows = dataset.train.rows;
  info.columns = dataset.train.columns;
  info.channels = dataset.train.channels;
  info.dataset_is_fallback = dataset.fallback ? 1 : 0;
  info.dataset = dataset.name.c_str();
  spot::write_text(info.run_id, progress.run_id);
  spot::write_text(info.device, session.engine().device());
  return info;
}

spot_progress describe_progress(const spot::Session& session) {
  const spot::Progress progress = session.progress().look();
  const int64_t now = session.clock().monotonic_ns();
  const uint64_t total = session.trainer().total_steps(), steps = progress.step - progress.training_step;
  spot_progress result{};
  result.running = progress.running ? 1 : 0;
  result.step = progress.step;
  result.epoch = spot::epoch_of(progress.step, session.trainer().steps_per_epoch());
  result.total_steps = total;
  result.seconds =
      progress.begin_ns < 0 ? kNone : spot::to_seconds((progress.running ? now : progress.end_ns) - progress.begin_ns);
  result.samples_per_second = progress.samples_per_second;
  result.seconds_to_go = kNone;
  if (progress.running && progress.training_ns >= 0 && steps > 0 && total >= progress.step) {
    result.seconds_to_go = spot::to_seconds(now - progress.training_ns) / static_cast<double>(steps) *
                           static_cast<double>(total - progress.step);
  }
  result.loss = progress.loss;
  result.saved_step = progress.saved_step;
  result.seconds_since_save = progress.saved_ns < 0 ? kNone : spot::to_seconds(now - progress.saved_ns);
  result.save_status = static_cast<spot_status>(progress.save_status);
  return result;
}

}  // namespace

spot_status spot_trainer_request_checkpoint(const spot_trainer* trainer, spot_error** error) {
  return guard(error, [&] {
    check_process(required(trainer, "trainer").use.owner());
    if (trainer->session.request_checkpoint()) return;
    spot::fail(spot::Status::kOrder, "no run is at work: call spot_trainer_checkpoint()");
  });
}

spot_status spot_trainer_get_info(const spot_trainer* trainer, spot_trainer_info* out, spot_error** error) {
  return guard(error, [&] {
    check_process(required(trainer, "trainer").use.owner());
    spot::check_struct(out, "out");
    spot::write_struct(out, describe(trainer->session));
  });
}

spot_status spot_trainer_get_progress(const spot_trainer* trainer, spot_progress* out, spot_error** error) {
  return guard(error, [&] {
    check_process(required(trainer, "trainer").use.owner());
    spot::check_struct(out, "out");
    spot::write_struct(out, describe_progress(trainer->session));
  });
}
