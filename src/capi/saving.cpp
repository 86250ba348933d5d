#include <cstring>
#include <memory>
#include <spot_trainer.h>
#include <string>

#include "base/clock.h"
#include "capi/cancel.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/structs.h"

using spot::Call;
using spot::Cancel;
using spot::guard;
using spot::required;
using spot::Status;

namespace {

/// The path is to be kept in `path`.
spot_save_report to_struct(const spot::SaveReport& report, std::string& path) {
  spot_save_report result{};
  result.step = report.step;
  result.generation = report.generation;
  result.bytes = report.bytes;
  result.stall_ms = spot::to_milliseconds(report.stall_ns);
  result.encode_ms = spot::to_milliseconds(report.encode_ns);
  result.write_ms = spot::to_milliseconds(report.write_ns);
  result.fsync_ms = spot::to_milliseconds(report.fsync_ns);
  result.durable_ms = spot::to_milliseconds(report.durable_ns);
  path = report.path;
  result.path = path.c_str();
  spot::write_text(result.not_promised, report.not_promised);
  return result;
}

}  // namespace

spot_status spot_trainer_checkpoint(spot_trainer* trainer, spot_cancel* cancel, spot_save_report* out,
                                    spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    if (out != nullptr) spot::check_struct(out, "out");
    const Cancel stop(cancel);
    spot::Session& session = trainer->session;
    const std::uint64_t ticket = session.save_soon(spot::SaveReason::kRequest, stop.stop());
    const spot::SaveOutcome outcome = session.finish_save(ticket, stop.stop());
    if (outcome.error) throw spot::Error(*outcome.error);
    if (out != nullptr) spot::write_struct(out, to_struct(outcome.report, trainer->path));
  });
}

spot_status spot_trainer_restore(spot_trainer* trainer, const char* path, spot_cancel* cancel, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    const Cancel stop(cancel);
    spot::Session& session = trainer->session;
    if (path != nullptr) return session.restore(path, stop.stop());
    if (session.resume(stop.stop())) return;
    spot::fail(Status::kNotFound,
               spot::cat("there is no checkpoint in '", session.volume().checkpoints().string(), "'"));
  });
}

spot_status spot_trainer_restore_from(spot_trainer* trainer, const spot_checkpoint* checkpoint, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    spot::check_process(required(checkpoint, "checkpoint").owner);
    trainer->session.adopt(checkpoint->content);
  });
}

spot_status spot_trainer_serialize(spot_trainer* trainer, uint8_t** bytes, size_t* length, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    required(bytes, "bytes");
    required(length, "length");
    trainer->session.serialize([&](std::span<const std::byte> image) {
      *bytes = spot::copy_bytes(image);
      *length = image.size();
    });
  });
}

spot_status spot_trainer_export(spot_trainer* trainer, const char* prefix, spot_cancel* cancel, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    const spot::Cancel stop(cancel);
    trainer->session.export_network(&required(prefix, "prefix"), nullptr, stop.stop());
  });
}

spot_status spot_trainer_get_state_hash(spot_trainer* trainer, char out[33], spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    required(out, "out");
    const std::string hash = trainer->session.state_hash();
    std::memcpy(out, hash.c_str(), hash.size() + 1);
  });
}
