#!/bin/sh
# Puts the library as an archive, with its header and what to link beside it, into this folder.
#
#   make.sh [OPTION OF CMAKE …]   builds it from the source around this module, or from that in SPOT_TRAINER_SOURCE
#   make.sh --installed           takes the one that pkg-config finds
set -eu
cd "$(dirname "$0")"

fail() {
  echo "make.sh: $1" >&2
  exit 1
}

if [ "${1:-}" = --installed ]; then
  folder() { pkg-config --variable="$1" spot_trainer || fail "install the library, or set PKG_CONFIG_PATH to the folder of its spot_trainer.pc"; }
  pc=$(folder pcfiledir)/spot_trainer.pc
  header=$(folder includedir)/spot_trainer.h
  archive=$(folder libdir)/libspot_trainer.a
  [ -f "$archive" ] || fail "there is no $archive: install a library that was configured with -DSPOT_BUILD_STATIC=ON"
else
  source=$(realpath "${SPOT_TRAINER_SOURCE:-../../../..}")
  [ -f "$source/include/spot_trainer.h" ] ||
    fail "$source is not the source of spot-trainer: set SPOT_TRAINER_SOURCE to the folder that is"
  build=$source/build/static
  cmake -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=Release -DSPOT_BUILD_STATIC=ON -DSPOT_BUILD_TESTS=OFF \
    -DSPOT_BUILD_SPOTCTL=OFF "$@"
  CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)} cmake --build "$build" --target spot_trainer_static
  pc=$build/spot_trainer.pc
  header=$source/include/spot_trainer.h
  archive=$build/libspot_trainer.a
fi

cp "$header" "$archive" .
cat >spot_trainer.pc <<END
Name: spot_trainer
Description: the archive beside this file
Version: $(sed -n 's/^Version: //p' "$pc")
Libs: -L\${pcfiledir} -l:libspot_trainer.a $(sed -n 's/^Libs.private: //p' "$pc")
Cflags: -I\${pcfiledir}
END
echo "#define SPOT_ARCHIVE_CHECKSUM \"$(cat spot_trainer.h spot_trainer.pc libspot_trainer.a | sha256sum | cut -d' ' -f1)\"" >archive.h
