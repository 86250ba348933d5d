#!/bin/sh
# Installs a build into an empty folder and builds the example host against it, as a user would: by CMake's package
# and by pkg-config. Nothing installed may name a library of ours.
set -eu
build=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >/dev/null
cmake -S "$source/examples/embed_c" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/build" >/dev/null
mkdir "$work/volume"
"$work/build/embed_c" "$work/volume" dataset=synthetic model=lenet-5 steps=2 metadata=none | grep -q '^done at step 2'

pc=$(find "$work/prefix" -name spot_trainer.pc)
export PKG_CONFIG_PATH="${pc%/*}"
# The prefix was chosen at installation, not at configuration.
flags=$(pkg-config --define-variable=prefix="$work/prefix" --cflags --libs spot_trainer)
# shellcheck disable=SC2086
cc -std=c99 -pthread "$source/examples/embed_c/embed.c" $flags -o "$work/by_pkg_config"

for file in $(find "$work/prefix" -name '*.cmake' -o -name '*.pc' -o -name '*.h'); do
  if grep -qiE 'dnnl|flatbuffers|curl|xxhash|nlohmann|zlib|cuda|cudnn|cublas' "$file" && [ "${file##*/}" != spot_trainer.h ]; then
    echo "$file names a dependency" >&2
    exit 1
  fi
done
library=$(find "$work/prefix" -name libspot_trainer.so)
readelf -d "$library" | grep -q 'SONAME.*libspot_trainer.so.0'
if readelf -d "$library" | grep NEEDED | grep -iE 'cuda|cudnn|cublas'; then
  echo "the library links what belongs to an engine's module" >&2
  exit 1
fi
# The GPU's module is looked for beside the library, wherever that was put. Where the driver is missing nobody looks.
module="${library%/*}/spot_trainer/libspot_trainer_cuda.so"
[ -f "$module" ] || "$work/prefix/bin/spotctl" version | grep -q 'device cuda .*install the device.s driver' ||
  "$work/prefix/bin/spotctl" version | grep -qF "$(realpath "${library%/*}")/spot_trainer/libspot_trainer_cuda.so"
"$work/prefix/bin/spotctl" version >/dev/null
echo "installed, found and used"
