#!/bin/sh
# installed_package.sh BUILD SOURCE ABI_MAJOR STATIC: installs a build under two prefixes, one of them moved afterwards, and
# builds programs against each, as a user would: by the CMake package and by pkg-config. What is installed names no library
# of ours but where it says what the static archive needs. STATIC is 1 where the build has the archive.
set -eu
build=$1 source=$2 abi_major=$3 static=$4
work=$(realpath "$(mktemp -d)")
trap 'rm -rf "$work"' EXIT
unset DESTDIR PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR

fail() {
  echo "$1" >&2
  exit 1
}

# trains PROGRAM [VARIABLE=VALUE…]: runs the example host for two steps.
trains() {
  program=$1
  shift
  volume=$(mktemp -d "$work/volume-XXXXXX")
  env "$@" "$program" "$volume" dataset=synthetic model=lenet-5 steps=2 metadata=none | grep -q '"reason": "done", "step": 2,' ||
    fail "$program does not train"
}

# examine PREFIX: builds and runs the example host against what lies there.
examine() {
  prefix=$1
  library=$(find "$prefix" -name libspot_trainer.so)
  folder=${library%/*}

  cmake -S "$source/examples/embed_c" -B "$work/build" --fresh -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
  cmake --build "$work/build" >/dev/null
  trains "$work/build/embed_c"

  cmake -S "$source/tests/packages/cpp" -B "$work/build_cpp" --fresh -DCMAKE_PREFIX_PATH="$prefix" \
    -DHOST="$source/bindings/cpp/agent.cpp" >/dev/null
  cmake --build "$work/build_cpp" >/dev/null
  trains "$work/build_cpp/shared"
  readelf -d "$work/build_cpp/shared" | grep -q 'NEEDED.*libspot_trainer' || fail "spot_trainer::cpp links no shared library"

  pc=$(find "$prefix" -name spot_trainer.pc)
  export PKG_CONFIG_PATH="${pc%/*}"
  # What the linker and the compiler are told lies under this prefix and nowhere else.
  for variable in prefix libdir includedir; do
    case $(realpath "$(pkg-config --variable=$variable spot_trainer)") in
      "$prefix" | "$prefix"/*) ;;
      *) fail "spot_trainer.pc has $variable=$(pkg-config --variable=$variable spot_trainer), it is installed in $prefix" ;;
    esac
  done
  # shellcheck disable=SC2046
  cc -std=c99 -pthread "$source/examples/embed_c/embed.c" $(pkg-config --cflags --libs spot_trainer) -o "$work/by_pkg_config"
  trains "$work/by_pkg_config" LD_LIBRARY_PATH="$folder"

  if [ "$static" = 1 ]; then
    examine_archive
  elif grep -q 'Libs.private' "$pc" || grep -rq 'spot_trainer::static' "$prefix"; then
    fail "the package offers a static archive that it does not have"
  fi

  for file in $(find "$prefix" -name '*.cmake' -o -name '*.pc' -o -name '*.hpp'); do
    if grep -vE '^Libs.private:|^  INTERFACE_LINK_LIBRARIES "-ldnnl;' "$file" |
      grep -iE 'dnnl|flatbuffers|curl|xxhash|nlohmann|zlib|cuda|cudnn|cublas'; then
      fail "$file names a dependency"
    fi
  done
  readelf -d "$library" | grep -q "SONAME.*libspot_trainer.so.$abi_major]" || fail "the soname is not that of ABI $abi_major"
  if readelf -d "$library" | grep NEEDED | grep -iE 'cuda|cudnn|cublas'; then
    fail "the library links what belongs to an engine's module"
  fi
  # The GPU's module is looked for beside the library, wherever that was put. Where the driver is missing nobody looks.
  module="$folder/spot_trainer/libspot_trainer_cuda.so"
  [ -f "$module" ] || "$prefix/bin/spotctl" version | grep -q 'device cuda .*install the device.s driver' ||
    "$prefix/bin/spotctl" version | grep -qF "$(realpath "$folder")/spot_trainer/libspot_trainer_cuda.so"
  "$prefix/bin/spotctl" version >/dev/null
}

# In a C++ program, which brings its own copies of the templates that the archive holds, and in one of C.
examine_archive() {
  others=$(nm -g --defined-only "$folder/libspot_trainer.a" | awk 'NF == 3 && $3 !~ /^spot_/')
  [ -z "$others" ] || fail "the archive shows more than spot_trainer.h: $others"
  # shellcheck disable=SC2046
  flags=$(pkg-config --cflags --libs --static spot_trainer | sed 's/-lspot_trainer/-l:libspot_trainer.a/')
  # shellcheck disable=SC2086
  cc -std=c99 -pthread "$source/examples/embed_c/embed.c" $flags -o "$work/by_pkg_config_static"
  cmake -S "$source/tests/packages/static" -B "$work/build_static" --fresh -DCMAKE_PREFIX_PATH="$prefix" \
    -DHOST="$source/examples/embed_c/embed.c" >/dev/null
  cmake --build "$work/build_static" >/dev/null
  for program in "$work/by_pkg_config_static" "$work/build_static/in_c" "$work/build_cpp/archive"; do
    trains "$program"
  done
  "$work/build_static/in_cpp" >/dev/null || fail "the archive fails in a C++ program"
  for program in "$work/by_pkg_config_static" "$work/build_static/in_c" "$work/build_static/in_cpp" "$work/build_cpp/archive"; do
    ! readelf -d "$program" | grep -q 'NEEDED.*libspot_trainer' || fail "$program has not linked the archive"
  done
}

# One is staged, as packagers do, and moved out of there; the other chosen at installation. Neither was configured.
DESTDIR="$work/stage" cmake --install "$build" --prefix /opt/anywhere >/dev/null
[ ! -e /opt/anywhere ] || fail "DESTDIR is not heeded: something lies in /opt/anywhere"
mv "$work/stage/opt/anywhere" "$work/moved"
examine "$work/moved"
cmake --install "$build" --prefix "$work/chosen" >/dev/null
examine "$work/chosen"
echo "installed, found and used"
