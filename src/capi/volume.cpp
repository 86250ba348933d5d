#include <optional>
#include <spot_trainer.h>

#include "capi/cancel.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "session/volume_check.h"

using spot::Call;
using spot::guard;
using spot::required;

spot_status spot_volume_check(const spot_config* config, spot_trainer* trainer, spot_cancel* cancel,
                              spot_status* outcome, char** json, spot_error** error) {
  return guard(error, [&] {
    const spot::Settings settings = spot::settings_of(config);
    std::optional<Call> call;
    if (trainer != nullptr) call.emplace(trainer->use);
    const spot::Cancel stop(cancel);
    spot::Session* session = trainer == nullptr ? nullptr : &trainer->session;
    const auto findings = spot::check_volume(settings.values, session, stop.stop());
    if (json != nullptr) *json = spot::copy_text(spot::to_json(findings));
    if (outcome != nullptr) *outcome = static_cast<spot_status>(spot::status_of(findings));
  });
}
