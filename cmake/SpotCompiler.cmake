# Compiler settings that every target of ours shares, and the function that makes one target a folder.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 99)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)  # not in the cache, where it would be the choice of the project around us
endif()

find_program(SPOT_CCACHE ccache)
if(SPOT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${SPOT_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${SPOT_CCACHE}")
endif()

add_library(spot_compile_options INTERFACE)
target_compile_options(spot_compile_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow
  # A contracted a*b+c rounds once instead of twice, so results would depend on the vector width chosen.
  -ffp-contract=off
  # GCC 12 sees overlaps in "text" + std::string that are not there (its bug 105651).
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
  $<$<BOOL:${SPOT_WARNINGS_AS_ERRORS}>:-Werror>)
if(SPOT_SANITIZE)
  target_compile_options(spot_compile_options INTERFACE
    -fsanitize=${SPOT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    # With a sanitizer GCC sees uninitialised values that are not there, in <regex> for instance (its bug 105562).
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(spot_compile_options INTERFACE -fsanitize=${SPOT_SANITIZE})
  target_compile_definitions(spot_compile_options INTERFACE SPOT_SANITIZED=1)
endif()
if(SPOT_BUILD_FUZZERS)
  target_compile_options(spot_compile_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# spot_room(<name> SOURCES … USES … PRIVATE …): one static library for one folder of src/. USES names the
# rooms whose headers it may include (architecture: left or down, never back); PRIVATE the third-party
# libraries that only this room knows.
function(spot_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;USES;PRIVATE" ${ARGN})
  add_library(spot_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(spot_${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
  foreach(room IN LISTS ROOM_USES)
    target_link_libraries(spot_${name} PUBLIC spot_${room})
  endforeach()
  target_link_libraries(spot_${name} PRIVATE spot_compile_options ${ROOM_PRIVATE})
endfunction()
