#include <spot_trainer.h>
#include <string>

#include "capi/cancel.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/structs.h"
#include "session/options.h"
#include "session/volume.h"

using spot::check_process;
using spot::guard;
using spot::required;

namespace {

spot_dataset_info describe(const spot::Dataset& dataset) {
  spot_dataset_info info{};
  info.classes = dataset.classes;
  info.rows = dataset.train.rows;
  info.columns = dataset.train.columns;
  info.is_fallback = dataset.fallback ? 1 : 0;
  info.train_samples = dataset.train.count;
  info.test_samples = dataset.test.count;
  info.name = dataset.name.c_str();
  spot::write_text(info.fingerprint, dataset.fingerprint);
  return info;
}

}  // namespace

spot_status spot_dataset_open(const spot_config* config, spot_cancel* cancel, spot_dataset** out, spot_error** error) {
  return guard(error, [&] {
    const spot::Settings settings = spot::settings_of(config);
    required(out, "out");
    const spot::Cancel stop(cancel);
    *out = new spot_dataset{{}, spot::open_configured_dataset(settings.values, stop.stop(), settings.log)};
  });
}

void spot_dataset_free(spot_dataset* dataset) {
  if (dataset == nullptr || dataset->owner.forked()) return;
  delete dataset;
}

spot_status spot_dataset_get_info(const spot_dataset* dataset, spot_dataset_info* out, spot_error** error) {
  return guard(error, [&] {
    check_process(required(dataset, "dataset").owner);
    spot::check_struct(out, "out");
    spot::write_struct(out, describe(dataset->content));
  });
}
