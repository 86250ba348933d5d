#!/bin/sh
# part_of_a_project.sh SOURCE FOLDER [OPTION…]: builds the library in FOLDER, with CMake's options, as a part of another
# project, which takes it by add_subdirectory or FetchContent. Nothing of ours shows there but the targets, and a program can
# link either of them.
set -eu
source=$1 folder=$2 parent=$(dirname "$0")/parent
shift 2
unset DESTDIR

cmake --fresh -S "$parent" -B "$folder/added" -DSPOT_SOURCE="$source" -DBY=add_subdirectory "$@" >/dev/null
cmake --fresh -S "$parent" -B "$folder" -DSPOT_SOURCE="$source" -DBY=FetchContent "$@" >/dev/null
nice cmake --build "$folder" -j "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" >"$folder/log" 2>&1 ||
  { tail -n 30 "$folder/log"; exit 1; }
for kind in shared static; do
  rm -rf "$folder/volume" && mkdir "$folder/volume"
  "$folder/host_$kind" "$folder/volume" dataset=synthetic model=lenet-5 steps=2 metadata=none | tee "$folder/$kind.txt"
  grep -q '"reason": "done", "step": 2,' "$folder/$kind.txt"
done
cmp "$folder/shared.txt" "$folder/static.txt"

# The parent's program is all that is installed.
rm -rf "$folder/prefix"
cmake --install "$folder" --prefix "$folder/prefix" >/dev/null
installed=$(cd "$folder/prefix" && find . ! -type d)
[ "$installed" = ./bin/host_static ] || { echo "the parent installs what is ours: $installed" >&2; exit 1; }
