#pragma once

namespace spot {

/// The release of this library, e.g. "0.1.0".
const char* library_version();

}  // namespace spot
