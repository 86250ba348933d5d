#pragma once

// The only file that knows which oneDNN it is compiled against. oneDNN 2.x describes an operation with a
// `desc` from which a `primitive_desc` is made; 3.x makes the `primitive_desc` at once, and calls some
// arguments differently. Every function here has the same meaning under both.

#include <string>
#include <vector>

#include <dnnl.hpp>

namespace spot::onednn {

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;

/// The processor, which is always there: what can be lacking is memory, which 3.x calls an invalid device.
inline dnnl::engine processor() {
  try {
    return {dnnl::engine::kind::cpu, 0};
  } catch (const dnnl::error&) {
    throw dnnl::error(dnnl_out_of_memory, "there is no memory for an engine");
  }
}

/// Values that a primitive only reads, in the type that it takes all of its memory in.
inline void* input(const float* values) {
  return const_cast<float*>(values);
}

inline Desc f32(const Dims& dims, Tag tag) {
  return {dims, dnnl::memory::data_type::f32, tag};
}

/// Scratchpads that the caller owns: the library's own are thread-local and die with their thread.
inline dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

/// The same, with max(x, 0) applied to the result.
inline dnnl::primitive_attr user_scratchpad_and_relu() {
  dnnl::primitive_attr attributes = user_scratchpad();
  dnnl::post_ops operations;
#if DNNL_VERSION_MAJOR >= 3
  operations.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
#else
  operations.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
#endif
  attributes.set_post_ops(operations);
  return attributes;
}

/// Strides, then the padding before and after each spatial dimension.
struct Window {
  Dims stride, padding_before, padding_after;
};

constexpr auto kDirect = dnnl::algorithm::convolution_direct;

inline dnnl::convolution_forward::primitive_desc convolution_forward(const dnnl::engine& engine, const Desc& source,
                                                                     const Desc& weights, const Desc& bias,
                                                                     const Desc& destination, const Window& window,
                                                                     const dnnl::primitive_attr& attributes) {
  constexpr auto kKind = dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
  return {engine,
          kKind,
          kDirect,
          source,
          weights,
          bias,
          destination,
          window.stride,
          window.padding_before,
          window.padding_after,
          attributes};
#else
  return {
      {kKind, kDirect, source, weights, bias, destination, window.stride, window.padding_before, window.padding_after},
      attributes,
      engine};
#endif
}

inline dnnl::convolution_backward_data::primitive_desc convolution_backward_data(
    const dnnl::engine& engine, const Desc& source, const Desc& weights, const Desc& destination, const Window& window,
    const dnnl::convolution_forward::primitive_desc& forward) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine,
          kDirect,
          source,
          weights,
          destination,
          window.stride,
          window.padding_before,
          window.padding_after,
          forward,
          user_scratchpad()};
#else
  return {{kDirect, source, weights, destination, window.stride, window.padding_before, window.padding_after},
          user_scratchpad(),
          engine,
          forward};
#endif
}

inline dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights(
    const dnnl::engine& engine, const Desc& source, const Desc& weights, const Desc& bias, const Desc& destination,
    const Window& window, const dnnl::convolution_forward::primitive_desc& forward) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine,
          kDirect,
          source,
          weights,
          bias,
          destination,
          window.stride,
          window.padding_before,
          window.padding_after,
          forward,
          user_scratchpad()};
#else
  return {{kDirect, source, weights, bias, destination, window.stride, window.padding_before, window.padding_after},
          user_scratchpad(),
          engine,
          forward};
#endif
}

inline dnnl::pooling_forward::primitive_desc pooling_forward(const dnnl::engine& engine, dnnl::prop_kind kind,
                                                             dnnl::algorithm algorithm, const Desc& source,
                                                             const Desc& destination, const Dims& kernel,
                                                             const Window& window) {
#if DNNL_VERSION_MAJOR >= 3
  const Dims no_dilation(kernel.size(), 0);
  return {engine,
          kind,
          algorithm,
          source,
          destination,
          window.stride,
          kernel,
          no_dilation,
          window.padding_before,
          window.padding_after,
          user_scratchpad()};
#else
  return {{kind, algorithm, source, destination, window.stride, kernel, window.padding_before, window.padding_after},
          user_scratchpad(),
          engine};
#endif
}

inline dnnl::pooling_backward::primitive_desc pooling_backward(const dnnl::engine& engine, dnnl::algorithm algorithm,
                                                               const Desc& source, const Desc& destination,
                                                               const Dims& kernel, const Window& window,
                                                               const dnnl::pooling_forward::primitive_desc& forward) {
#if DNNL_VERSION_MAJOR >= 3
  const Dims no_dilation(kernel.size(), 0);
  return {engine,
          algorithm,
          source,
          destination,
          window.stride,
          kernel,
          no_dilation,
          window.padding_before,
          window.padding_after,
          forward,
          user_scratchpad()};
#else
  return {{algorithm, source, destination, window.stride, kernel, window.padding_before, window.padding_after},
          user_scratchpad(),
          engine,
          forward};
#endif
}

inline dnnl::inner_product_forward::primitive_desc inner_product_forward(const dnnl::engine& engine, const Desc& source,
                                                                         const Desc& weights, const Desc& bias,
                                                                         const Desc& destination,
                                                                         const dnnl::primitive_attr& attributes) {
  constexpr auto kKind = dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
  return {engine, kKind, source, weights, bias, destination, attributes};
#else
  return {{kKind, source, weights, bias, destination}, attributes, engine};
#endif
}

inline dnnl::inner_product_backward_data::primitive_desc inner_product_backward_data(
    const dnnl::engine& engine, const Desc& source, const Desc& weights, const Desc& destination,
    const dnnl::inner_product_forward::primitive_desc& forward) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, source, weights, destination, forward, user_scratchpad()};
#else
  return {{source, weights, destination}, user_scratchpad(), engine, forward};
#endif
}

inline dnnl::reorder::primitive_desc reorder(const dnnl::engine& engine, const Desc& source, const Desc& destination) {
  return {engine, source, engine, destination, user_scratchpad()};
}

/// dnnl::primitive::execute() would make the table of the arguments anew each time.
inline void execute(const dnnl::primitive& primitive, const dnnl::stream& stream,
                    const std::vector<dnnl_exec_arg_t>& arguments) {
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive.get(), stream.get(), static_cast<int>(arguments.size()), arguments.data()),
      "could not execute a primitive");
}

/// The library that is loaded, e.g. "2.6.3".
inline std::string version() {
  const dnnl_version_t* loaded = dnnl_version();
  return std::to_string(loaded->major) + "." + std::to_string(loaded->minor) + "." + std::to_string(loaded->patch);
}

}  // namespace spot::onednn
