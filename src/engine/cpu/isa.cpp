#include "engine/cpu/isa.h"

#include "engine/cpu/onednn.h"

namespace spot {
namespace {

enum class VectorLength { kScalar, kFloats4, kFloats8, kFloats16 };

VectorLength vector_length() {
#if defined(__x86_64__)
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41: return VectorLength::kFloats4;
    case dnnl::cpu_isa::avx:
    case dnnl::cpu_isa::avx2:
    case dnnl::cpu_isa::avx2_vnni: return VectorLength::kFloats8;
    default: return VectorLength::kFloats16;
  }
#else
  return VectorLength::kScalar;
#endif
}

}  // namespace

std::string instruction_set_name() {
  switch (vector_length()) {
    case VectorLength::kFloats16: return "x86-64-avx512";
    case VectorLength::kFloats8:
      return dnnl::get_effective_cpu_isa() == dnnl::cpu_isa::avx ? "x86-64-avx" : "x86-64-avx2";
    case VectorLength::kFloats4: return "x86-64-sse41";
    case VectorLength::kScalar: break;
  }
  return "generic";
}

std::int64_t preferred_channel_block() {
  switch (vector_length()) {
    case VectorLength::kFloats16: return 16;
    case VectorLength::kFloats8:
    case VectorLength::kFloats4: return 8;
    case VectorLength::kScalar: break;
  }
  return 1;
}

}  // namespace spot
