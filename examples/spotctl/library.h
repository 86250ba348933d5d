#pragma once

#include <spot_trainer.hpp>

namespace spotctl {

using namespace spottrainer;

}  // namespace spotctl
