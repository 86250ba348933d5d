#include <filesystem>
#include <spot_trainer.h>

#include "capi/arrays.h"
#include "capi/backends.h"
#include "capi/cancel.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/structs.h"
#include "capi/tensors.h"
#include "checkpoint/verify.h"
#include "session/model_import.h"

using spot::cat;
using spot::check_process;
using spot::fail;
using spot::guard;
using spot::required;
using spot::Status;

namespace {

spot_model_info describe(const spot_model& model) {
  const spot::ModelSpec& spec = model.inference.model();
  const spot::StateLayout& layout = model.inference.engine().layout();
  spot_model_info info{};
  info.classes = static_cast<uint32_t>(spec.classes);
  info.rows = static_cast<uint32_t>(spec.input.height);
  info.columns = static_cast<uint32_t>(spec.input.width);
  info.channels = static_cast<uint32_t>(spec.input.channels);
  info.threads = model.inference.engine().threads();
  info.step = model.step;
  info.parameter_count = layout.parameter_count();
  info.tensor_count = layout.tensors().size();
  info.state_size = layout.size();
  spot::write_text(info.run_id, model.run_id);
  spot::write_text(info.device, model.inference.engine().device());
  return info;
}

spot_model* make_model(const spot::Checkpoint& checkpoint, const spot::Settings& settings) {
  return new spot_model{{},
                        checkpoint.meta.run_id,
                        checkpoint.meta.step,
                        {checkpoint, settings.values, spot::backends(settings.values.text("device")), settings.log}};
}

}  // namespace

spot_status spot_model_open(const char* path, const spot_config* config, spot_cancel* cancel, spot_model** out,
                            spot_error** error) {
  return guard(error, [&] {
    const std::filesystem::path place = &required(path, "path");
    required(out, "out");
    const spot::Settings settings = spot::settings_or_defaults(config);
    const spot::Cancel stop(cancel);
    *out = make_model(spot::is_exported_model(place) ? spot::import_model(place, stop.stop())
                                                     : spot::find_checkpoint(place, stop.stop()).checkpoint,
                      settings);
  });
}

spot_status spot_model_open_checkpoint(const spot_checkpoint* checkpoint, const spot_config* config, spot_model** out,
                                       spot_error** error) {
  return guard(error, [&] {
    check_process(required(checkpoint, "checkpoint").owner);
    required(out, "out");
    *out = make_model(checkpoint->content, spot::settings_or_defaults(config));
  });
}

spot_status spot_model_open_trainer(spot_trainer* trainer, const spot_config* config, spot_model** out,
                                    spot_error** error) {
  return guard(error, [&] {
    const spot::Call call(required(trainer, "trainer").use);
    required(out, "out");
    *out = make_model(trainer->session.snapshot(), spot::settings_or_defaults(config));
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

spot_status spot_model_get_tensor_info(const spot_model* model, uint64_t index, spot_tensor_info* out,
                                       spot_error** error) {
  return guard(error, [&] {
    check_process(required(model, "model").owner);
    spot::write_tensor_info(model->inference.engine().layout(), index, out);
  });
}

spot_status spot_model_read_tensor(const spot_model* model, const char* name, float* values, size_t length,
                                   spot_error** error) {
  return guard(error, [&] {
    check_process(required(model, "model").owner);
    spot::copy_tensor(model->inference, model->inference.engine().layout(), name, values, length, "the model");
  });
}

spot_status spot_model_predict(spot_model* model, const void* images, int32_t image_type, size_t bytes,
                               spot_cancel* cancel, float* probabilities, size_t length, spot_error** error) {
  return guard(error, [&] {
    check_process(required(model, "model").owner);
    const spot::PixelType type = spot::pixel_type(image_type);
    const std::size_t count = model->inference.count_of(bytes, type);
    const auto classes = static_cast<std::size_t>(model->inference.model().classes);
    if (count > SIZE_MAX / sizeof(float) / classes) {
      fail(Status::kInvalidArgument, cat("'images' has ", count, " images: too many"));
    }
    spot::check_length("probabilities", length, count * classes);
    if (count == 0) return;
    const spot::Cancel stop(cancel);
    model->inference.predict({&required(static_cast<const uint8_t*>(images), "images"), bytes},
                             {&required(probabilities, "probabilities"), length}, stop.stop(), type);
  });
}
