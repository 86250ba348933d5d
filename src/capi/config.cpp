#include "base/config.h"

#include <spot_trainer.h>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/key_names.h"
#include "capi/guard.h"
#include "capi/handles.h"

using spot::Call;
using spot::guard;
using spot::required;

namespace {

static_assert(static_cast<int32_t>(spot::LogLevel::kError) == SPOT_LOG_ERROR);
static_assert(static_cast<int32_t>(spot::LogLevel::kWarning) == SPOT_LOG_WARNING);
static_assert(static_cast<int32_t>(spot::LogLevel::kInfo) == SPOT_LOG_INFO);
static_assert(static_cast<int32_t>(spot::LogLevel::kDebug) == SPOT_LOG_DEBUG);

nlohmann::ordered_json describe(const spot::ConfigKey& key) {
  const bool is_number = key.type == spot::KeyType::kInteger || key.type == spot::KeyType::kReal;
  nlohmann::ordered_json json = {{"name", key.name},
                                 {"type", spot::type_name(key.type)},
                                 {"default", key.default_value},
                                 {"minimum", nullptr},
                                 {"maximum", nullptr},
                                 {"choices", spot::split(key.choices, '|')}};
  if (is_number) {
    json["minimum"] = key.minimum;
    json["maximum"] = key.maximum;
  }
  json["resume"] = key.resume == spot::ResumeRule::kExact ? "exact" : "free";
  json["help"] = key.help;
  json["synonyms"] = spot::split(spot::synonyms_of(key.name), '|');
  return json;
}

std::string describe_all() {
  auto keys = nlohmann::ordered_json::array();
  for (const spot::ConfigKey& key : spot::config_keys()) keys.push_back(describe(key));
  return keys.dump();
}

}  // namespace

spot_status spot_config_create(spot_config** out, spot_error** error) {
  return guard(error, [&] {
    required(out, "out");
    *out = new spot_config;
  });
}

void spot_config_free(spot_config* config) {
  spot::free_handle(config);
}

spot_status spot_config_set_i64(spot_config* config, const char* key, int64_t value, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(config, "config").use);
    config->values.set_integer(&required(key, "key"), value);
  });
}

spot_status spot_config_set_f64(spot_config* config, const char* key, double value, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(config, "config").use);
    config->values.set_real(&required(key, "key"), value);
  });
}

spot_status spot_config_set_str(spot_config* config, const char* key, const char* value, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(config, "config").use);
    config->values.set_text(&required(key, "key"), &required(value, "value"));
  });
}

spot_status spot_config_get_str(const spot_config* config, const char* key, char** out, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(config, "config").use);
    const std::string& value = config->values.text(&required(key, "key"));
    required(out, "out");
    *out = spot::copy_text(value);
  });
}

spot_status spot_config_set_log(spot_config* config, spot_log_fn receiver, void* user, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(config, "config").use);
    if (receiver == nullptr) {
      config->log = spot::Log();
      return;
    }
    config->log = spot::Log([receiver, user](spot::LogLevel level, std::string_view message) {
      const std::string text = spot::valid_utf8(message);
      receiver(user, static_cast<int32_t>(level), text.data(), text.size());
    });
  });
}

const char* spot_config_describe(void) {
  try {
    static const std::string kDescription = describe_all();
    return kDescription.c_str();
  } catch (...) {
    return "[]";  // out of memory; the next call tries again
  }
}
