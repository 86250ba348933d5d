#include "interrupt/alibaba.h"
#include "interrupt/aws.h"
#include "interrupt/azure.h"
#include "interrupt/gcp.h"
#include "interrupt/provider.h"
#include "interrupt/tencent.h"

namespace spot {
namespace {

/// In the order in which `auto` asks them.
constexpr const Provider* kProviders[] = {
    &kAws, &kGcp, &kAzure, &kAlibaba, &kTencent,
};

}  // namespace

std::span<const Provider* const> providers() {
  return kProviders;
}

}  // namespace spot
