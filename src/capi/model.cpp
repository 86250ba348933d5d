#include <spot_trainer.h>

#include "capi/backends.h"
#include "capi/cancel.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/structs.h"

using spot::Call;
using spot::cat;
using spot::check_process;
using spot::fail;
using spot::guard;
using spot::required;
using spot::Status;

namespace {

spot_model_info describe(const spot_model& model) {
  const spot::ModelSpec& spec = model.inference.model();
  spot_model_info info{};
  info.classes = static_cast<uint32_t>(spec.classes);
  info.image_rows = static_cast<uint32_t>(spec.input.height);
  info.image_columns = static_cast<uint32_t>(spec.input.width);
  info.parameter_count = model.inference.engine().layout().parameter_count();
  info.step = model.step;
  info.threads = model.inference.engine().threads();
  spot::write_text(info.run_id, model.run_id);
  spot::write_text(info.device, model.inference.engine().device());
  return info;
}

}  // namespace

spot_status spot_model_open(const spot_checkpoint* checkpoint, const spot_config* config, spot_model** out,
                            spot_error** error) {
  return guard(error, [&] {
    check_process(required(checkpoint, "checkpoint").owner);
    required(out, "out");
    const spot_config defaults;
    const spot_config& used = config == nullptr ? defaults : *config;
    const Call call(used.use);
    const spot::CheckpointMeta& meta = checkpoint->content.meta;
    *out = new spot_model{{},
                          meta.run_id,
                          meta.step,
                          {checkpoint->content, used.values, spot::backends(used.values.text("device")), used.log}};
  });
}

void spot_model_free(spot_model* model) {
  if (model == nullptr || model->owner.forked()) return;
  delete model;
}

spot_status spot_model_get_info(const spot_model* model, spot_model_info* out, spot_error** error) {
  return guard(error, [&] {
    check_process(required(model, "model").owner);
    spot::check_struct(out, "out");
    spot::write_struct(out, describe(*model));
  });
}

spot_status spot_model_predict(spot_model* model, const uint8_t* images, size_t bytes, spot_cancel* cancel,
                               float* probabilities, size_t length, spot_error** error) {
  return guard(error, [&] {
    check_process(required(model, "model").owner);
    const spot::ModelSpec& spec = model->inference.model();
    const auto pixels = static_cast<std::size_t>(spec.input.size());
    if (bytes % pixels != 0) {
      fail(Status::kInvalidArgument,
           cat("'images' has ", bytes, " bytes, no multiple of ", spec.input.height, " x ", spec.input.width));
    }
    const std::size_t count = bytes / pixels;
    if (count > SIZE_MAX / sizeof(float) / static_cast<std::size_t>(spec.classes)) {
      fail(Status::kInvalidArgument, cat("'images' has ", count, " images: too many"));
    }
    spot::check_length("probabilities", length, count * static_cast<std::size_t>(spec.classes));
    if (count == 0) return;
    const spot::Cancel stop(cancel);
    model->inference.predict({&required(images, "images"), bytes}, {&required(probabilities, "probabilities"), length},
                             stop.stop());
  });
}
