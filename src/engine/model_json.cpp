#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/status.h"
#include "base/text.h"
#include "engine/model_spec.h"
#include "engine/shape_inference.h"

namespace spot {
namespace {

using Json = JsonValue;

constexpr std::size_t kMaxText = 1 << 20;  // bytes
constexpr std::size_t kMaxLayers = 200;

constexpr std::array kKinds = {LayerKind::kConv2d, LayerKind::kMaxPool,  LayerKind::kAveragePool,
                               LayerKind::kRelu,   LayerKind::kDropout,  LayerKind::kFlatten,
                               LayerKind::kDense,  LayerKind::kBatchNorm};

/// Reads the fields of one JSON object and refuses what nobody asked for.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) refuse("must be an object {…}");
  }

  [[noreturn]] void refuse(const std::string& why) const { fail(Status::kModel, cat(where_, " ", why)); }

  const Json* find(const char* name) {
    known_.emplace_back(name);
    return object_.find(name);
  }

  std::string text(const char* name, const std::string& otherwise) {
    const Json* value = find(name);
    if (value == nullptr) return otherwise;
    if (!value->is_text()) refuse(cat("has a '", name, "' that is no text"));
    return value->text();
  }

  double number(const char* name, double otherwise) {
    const Json* value = find(name);
    if (value == nullptr) return otherwise;
    if (!value->is_number()) refuse(cat("has a '", name, "' that is no number"));
    return value->number();
  }

  std::int64_t integer(const char* name) {
    const Json* value = find(name);
    if (value == nullptr) refuse(cat("needs '", name, "'"));
    return as_integer(*value, name);
  }

  /// n, or [n, m], …: `count` integers, a single one standing for all.
  void integers(const char* name, std::int64_t* values, std::size_t count) {
    const Json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_array()) {
      std::fill_n(values, count, as_integer(*value, name));
      return;
    }
    const std::vector<Json>& elements = value->elements();
    if (elements.size() != count) refuse(cat("needs ", count, " numbers in '", name, "'"));
    for (std::size_t i = 0; i < count; ++i) values[i] = as_integer(elements[i], name);
  }

  void refuse_unknown() const {
    for (const auto& [field, value] : object_.members()) {
      if (std::find(known_.begin(), known_.end(), field) != known_.end()) continue;
      std::string names;
      for (const std::string& name : known_) names += (names.empty() ? "" : ", ") + name;
      refuse(cat("has an unknown field '", printable(field), "'; it takes ", names));
    }
  }

 private:
  std::int64_t as_integer(const Json& value, const char* name) const {
    if (!value.is_integer()) refuse(cat("has a '", name, "' that is no integer"));
    return value.integer();
  }

  const Json& object_;
  std::string where_;
  std::vector<std::string> known_;
};

LayerKind parse_type(Fields& fields) {
  const std::string type = fields.text("type", "");
  std::string types;
  for (const LayerKind kind : kKinds) {
    if (layer_type(kind) == type) return kind;
    types += (types.empty() ? "" : ", ") + layer_type(kind);
  }
  fields.refuse(cat("is of unknown type '", printable(type), "'; there are ", types));
}

/// "valid", "same" (the output has ceil(input / stride) positions; an odd cell goes behind, as in Keras), one
/// number, [rows, columns] or [top, left, bottom, right]. "same" depends on the input and is resolved by the
/// caller: returns whether it was asked for.
bool parse_padding(Fields& fields, LayerSpec& layer) {
  const Json* value = fields.find("padding");
  if (value == nullptr) return false;
  if (value->is_text()) {
    const std::string& mode = value->text();
    if (mode != "valid" && mode != "same") fields.refuse("has a 'padding' that is neither valid nor same");
    return mode == "same";
  }
  if (value->is_array() && value->elements().size() == 4) {
    fields.integers("padding", layer.padding, 4);
  } else {
    std::int64_t sides[2] = {};
    fields.integers("padding", sides, 2);
    for (int i = 0; i < 4; ++i) layer.padding[i] = sides[i % 2];
  }
  return false;
}

void pad_same(LayerSpec& layer, const Shape3& input) {
  const std::int64_t sizes[2] = {input.height, input.width};
  for (int d : {0, 1}) {
    // Refused by the shape check, and their sum might not even be a number.
    if (layer.stride[d] < 1 || layer.stride[d] > kMaxExtent || layer.kernel[d] > kMaxExtent) continue;
    const std::int64_t positions = (sizes[d] + layer.stride[d] - 1) / layer.stride[d];
    const std::int64_t total =
        std::max<std::int64_t>(0, (positions - 1) * layer.stride[d] + layer.kernel[d] - sizes[d]);
    layer.padding[d] = total / 2;
    layer.padding[d + 2] = total - total / 2;
  }
}

LayerSpec parse_layer(const Json& json, const std::string& where, bool& same_padding) {
  Fields fields(json, where);
  LayerSpec layer;
  layer.kind = parse_type(fields);
  layer.name = fields.text("name", "");
  switch (layer.kind) {
    case LayerKind::kConv2d:
      layer.outputs = fields.integer("filters");
      if (fields.find("kernel") == nullptr) fields.refuse("needs 'kernel'");
      fields.integers("kernel", layer.kernel, 2);
      fields.integers("stride", layer.stride, 2);
      same_padding = parse_padding(fields, layer);
      break;
    case LayerKind::kMaxPool:
    case LayerKind::kAveragePool:
      if (fields.find("kernel") == nullptr) fields.refuse("needs 'kernel'");
      fields.integers("kernel", layer.kernel, 2);
      std::copy_n(layer.kernel, 2, layer.stride);
      fields.integers("stride", layer.stride, 2);
      same_padding = parse_padding(fields, layer);
      break;
    case LayerKind::kDropout:
      if (fields.find("rate") == nullptr) fields.refuse("needs 'rate'");
      layer.rate = fields.number("rate", 0);
      break;
    case LayerKind::kDense: layer.outputs = fields.integer("units"); break;
    case LayerKind::kBatchNorm:
      layer.momentum = fields.number("momentum", layer.momentum);
      layer.epsilon = fields.number("epsilon", layer.epsilon);
      break;
    case LayerKind::kRelu:
    case LayerKind::kFlatten: break;
  }
  if (layer.name.size() > 64 || layer.name.find_first_of("/.\"\n") != std::string::npos) {
    fields.refuse("has a name that is longer than 64 bytes or contains one of / . \" or a line feed");
  }
  fields.refuse_unknown();
  return layer;
}

/// The fields of one object of the output, a line each, indented like the layers of a model.
class FieldLines {
 public:
  explicit FieldLines(std::string indent) : indent_(std::move(indent)) {}

  void add(const char* name, const std::string& json) {
    lines_ += cat(lines_.empty() ? "" : ",", "\n", indent_, json_text(name), ": ", json);
  }
  void add(const char* name, std::span<const std::int64_t> values) {
    std::string json = "[";
    for (const std::int64_t value : values) json += cat(json.size() == 1 ? "" : ",", "\n  ", indent_, value);
    add(name, cat(json, "\n", indent_, "]"));
  }
  [[nodiscard]] const std::string& text() const { return lines_; }

 private:
  std::string indent_;
  std::string lines_;
};

std::string layer_to_json(const LayerSpec& layer) {
  FieldLines fields("      ");
  fields.add("type", json_text(layer_type(layer.kind)));
  fields.add("name", json_text(layer.name));
  switch (layer.kind) {
    case LayerKind::kConv2d: fields.add("filters", to_text(layer.outputs)); [[fallthrough]];
    case LayerKind::kMaxPool:
    case LayerKind::kAveragePool:
      fields.add("kernel", layer.kernel);
      fields.add("stride", layer.stride);
      fields.add("padding", layer.padding);
      break;
    case LayerKind::kDropout: fields.add("rate", json_number(layer.rate)); break;
    case LayerKind::kDense: fields.add("units", to_text(layer.outputs)); break;
    case LayerKind::kBatchNorm:
      fields.add("momentum", json_number(layer.momentum));
      fields.add("epsilon", json_number(layer.epsilon));
      break;
    case LayerKind::kRelu:
    case LayerKind::kFlatten: break;
  }
  return cat("{", fields.text(), "\n    }");
}

}  // namespace

ModelSpec parse_model(const std::string& text, const std::string& origin, Shape3 input, std::int64_t classes) {
  // As values it takes many times its size.
  if (text.size() > kMaxText) fail(Status::kModel, cat(origin, " is longer than ", kMaxText, " bytes"));
  const std::optional<Json> json = Json::parse(text);
  if (!json) fail(Status::kModel, cat(origin, " is not valid JSON"));
  Fields fields(*json, origin);
  ModelSpec model;
  model.name = fields.text("name", "custom");
  model.input = input;
  model.classes = classes;
  std::int64_t stated[3] = {input.channels, input.height, input.width};
  fields.integers("input", stated, 3);
  if (stated[0] != input.channels || stated[1] != input.height || stated[2] != input.width) {
    fields.refuse(cat("is for inputs of ", stated[0], " x ", stated[1], " x ", stated[2], ", the dataset's are ",
                      input.channels, " x ", input.height, " x ", input.width));
  }
  if (fields.find("classes") != nullptr && fields.integer("classes") != classes) {
    fields.refuse(cat("is for ", fields.integer("classes"), " classes, the dataset has ", classes));
  }
  const Json* layers = fields.find("layers");
  if (layers == nullptr || !layers->is_array()) fields.refuse("needs 'layers', an array");
  fields.refuse_unknown();
  // Before they are looked at: the shape behind each "same" layer costs a walk over all layers before it.
  if (layers->elements().size() > kMaxLayers) {
    fields.refuse(cat("has ", layers->elements().size(), " layers; at most ", kMaxLayers, " are accepted"));
  }

  // Layers are added one by one: what "same" means depends on the shape that reaches the layer.
  for (const Json& layer : layers->elements()) {
    bool same_padding = false;
    LayerSpec spec = parse_layer(layer, cat(origin, ": layer ", model.layers.size() + 1), same_padding);
    if (same_padding) pad_same(spec, shape_behind(model, origin));
    model.layers.push_back(std::move(spec));
  }
  infer_shapes(model, origin);
  return model;
}

ModelSpec parse_complete_model(const std::string& text, const std::string& origin) {
  const std::optional<Json> json = text.size() > kMaxText ? std::nullopt : Json::parse(text);
  if (!json) fail(Status::kModel, cat(origin, " is not valid JSON"));
  Fields fields(*json, origin);
  std::int64_t input[3] = {0, 0, 0};
  fields.integers("input", input, 3);
  const std::int64_t classes = fields.integer("classes");
  for (const std::int64_t extent : {input[0], input[1], input[2], classes}) {
    if (extent < 1 || extent > kMaxExtent) fields.refuse("does not state the input and the classes that it is for");
  }
  return parse_model(text, origin, {input[0], input[1], input[2]}, classes);
}

ModelSpec load_model(const std::string& name_or_path, Shape3 input, std::int64_t classes) {
  if (is_preset_model(name_or_path)) return preset_model(name_or_path, input, classes);
  if (trim(name_or_path).starts_with('{')) return parse_model(name_or_path, "the model given as JSON", input, classes);
  std::error_code unreadable;
  if (!std::filesystem::exists(name_or_path, unreadable)) {
    if (unreadable) fail_errno(cat("model file '", printable(name_or_path), "' cannot be read"), unreadable.value());
    fail(Status::kModel, cat("there is no model '", printable(name_or_path),
                             "': give keras-cnn, light-cnn, lenet-5, mlp, the path of a JSON file, or JSON"));
  }
  return parse_model(read_text_file(name_or_path, kMaxText), cat("model file '", name_or_path, "'"), input, classes);
}

std::string model_to_json(const ModelSpec& model) {
  const std::int64_t input[] = {model.input.channels, model.input.height, model.input.width};
  std::string layers = "[";
  for (const LayerSpec& layer : model.layers) {
    layers += cat(layers.size() == 1 ? "" : ",", "\n    ", layer_to_json(layer));
  }
  FieldLines fields("  ");
  fields.add("name", json_text(model.name));
  fields.add("input", input);
  fields.add("classes", to_text(model.classes));
  fields.add("layers", cat(layers, layers.size() == 1 ? "]" : "\n  ]"));
  return cat("{", fields.text(), "\n}");
}

}  // namespace spot
