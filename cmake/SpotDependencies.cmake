# Every third-party library, found once. None of them shows in what we install.

find_package(Threads REQUIRED)
find_package(dnnl REQUIRED CONFIG)          # Debian 12: needs ocl-icd-opencl-dev installed
find_package(hwy REQUIRED CONFIG)           # Google Highway
find_package(CURL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json REQUIRED CONFIG)

find_program(FLATC flatc REQUIRED)
find_path(FLATBUFFERS_INCLUDE_DIR flatbuffers/flatbuffers.h REQUIRED)

find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
add_library(spot_xxhash INTERFACE)
target_include_directories(spot_xxhash SYSTEM INTERFACE "${XXHASH_INCLUDE_DIR}")
target_compile_definitions(spot_xxhash INTERFACE XXH_INLINE_ALL)

if(SPOT_BUILD_SPOTCTL OR SPOT_BUILD_FUZZERS OR SPOT_BUILD_TESTS)
  find_package(CLI11 REQUIRED CONFIG)
endif()
if(SPOT_BUILD_TESTS)
  find_package(doctest REQUIRED CONFIG)
  find_package(Python3 COMPONENTS Interpreter)
endif()
if(SPOT_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED CONFIG)
endif()
