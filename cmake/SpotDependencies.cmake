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
  find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)  # used header-only
endif()
if(SPOT_BUILD_TESTS)
  find_package(doctest REQUIRED CONFIG)
  find_package(Python3 COMPONENTS Interpreter)
endif()
if(SPOT_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED CONFIG)
endif()

if(SPOT_BUILD_CUDA)
  # Machine code for the cards that cuDNN 9 supports and clouds rent: Turing, Ampere (Ada runs its code), Hopper; the
  # driver translates the last one's intermediate code for later ones.
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 90-real 90-virtual)
  endif()
  enable_language(CUDA)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know it of nvcc
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  endif()
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_EXTENSIONS OFF)
  set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
  if(SPOT_CCACHE AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
    set(CMAKE_CUDA_COMPILER_LAUNCHER "${SPOT_CCACHE}")
  endif()
  find_package(CUDAToolkit 12.4 REQUIRED)
  find_path(CUDNN_INCLUDE_DIR cudnn_version.h
    HINTS ENV CUDNN_ROOT ${CUDAToolkit_INCLUDE_DIRS} PATH_SUFFIXES include)
  find_library(CUDNN_LIBRARY cudnn
    HINTS ENV CUDNN_ROOT "${CUDAToolkit_LIBRARY_DIR}" PATH_SUFFIXES lib64 lib)
  if(NOT CUDNN_INCLUDE_DIR OR NOT CUDNN_LIBRARY)
    message(FATAL_ERROR "SPOT_BUILD_CUDA needs cuDNN (cudnn.h, libcudnn.so): set the environment's CUDNN_ROOT to its folder")
  endif()
  file(STRINGS "${CUDNN_INCLUDE_DIR}/cudnn_version.h" cudnn_numbers REGEX "define CUDNN_(MAJOR|MINOR) [0-9]+")
  string(REGEX REPLACE ".*CUDNN_MAJOR ([0-9]+).*CUDNN_MINOR ([0-9]+).*" "\\1.\\2" cudnn_version "${cudnn_numbers}")
  if(NOT cudnn_version VERSION_GREATER_EQUAL 9.8 OR NOT cudnn_version VERSION_LESS 10)
    message(FATAL_ERROR "SPOT_BUILD_CUDA needs cuDNN 9.8 or a later 9; ${CUDNN_INCLUDE_DIR} has ${cudnn_version}")
  endif()
  add_library(spot_cudnn INTERFACE)
  target_include_directories(spot_cudnn SYSTEM INTERFACE "${CUDNN_INCLUDE_DIR}")
  target_link_libraries(spot_cudnn INTERFACE "${CUDNN_LIBRARY}")
endif()
