#!/bin/sh
# one_object.sh COMPILER NM OBJCOPY OUTPUT INPUT…: links objects and archives into one object, whose only global symbols are
# the functions of spot_trainer.h. Of an archive it takes what the objects need.
set -eu
compiler=$1 nm=$2 objcopy=$3 output=$4
shift 4
# Without groups of sections, or the program's linker would drop ours for its own of the same name.
"$compiler" -fuse-ld=bfd -nostdlib -r -Wl,--force-group-allocation -o "$output" -Wl,--start-group "$@" -Wl,--end-group
# objcopy leaves GNU's unique symbols global, unless they are weak.
"$nm" --defined-only "$output" | awk '$2 == "u" { print $3 }' >"$output.unique"
"$objcopy" --weaken-symbols="$output.unique" "$output"
"$objcopy" --wildcard --keep-global-symbol='spot_[a-z]*' "$output"
