#include "interrupt/aws.h"
#include "interrupt/provider.h"

namespace spot {
namespace {

/// In the order in which `auto` asks them.
constexpr const Provider* kProviders[] = {
    &kAws,
};

}  // namespace

std::span<const Provider* const> providers() {
  return kProviders;
}

}  // namespace spot
