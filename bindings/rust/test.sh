#!/bin/sh
# Checks the Rust binding, and tests it against the library in BUILD_DIR. Exit code 77: the toolchain is missing.
set -eu

[ $# = 1 ] || { echo "usage: bindings/rust/test.sh BUILD_DIR" >&2; exit 64; }
for program in cargo rustc rustfmt cargo-clippy cc pkg-config; do
  command -v $program >/dev/null || {
    echo "skipped: $program is missing (on Debian: apt-get install cargo rustc rustfmt rust-clippy gcc pkg-config)"
    exit 77
  }
done
build=$(realpath "$1")
library=$build/src/capi
[ -e "$library/libspot_trainer.so" ] || { echo "$library holds no libspot_trainer.so: build the target spot_trainer" >&2; exit 1; }
cd "$(dirname "$0")"
binding=$PWD
unset DESTDIR PKG_CONFIG_PATH SPOT_TRAINER_STATIC SPOT_TRAINER_SOURCE SPOT_TRAINER_BUILD

export CARGO_NET_OFFLINE=true CARGO_TARGET_DIR="$build/bindings/rust"
export SPOT_TRAINER_LIB_DIR="$library" LD_LIBRARY_PATH="$library"
# Another version finds other things, which are no errors but where CI runs.
deny="${CI:+-D warnings}"
cargo fmt --check || [ -z "${CI:-}" ]
# shellcheck disable=SC2086
cargo clippy --quiet --locked --all-targets -- $deny
RUSTDOCFLAGS="$deny" cargo doc --quiet --locked --no-deps
cargo test --quiet --locked
unset SPOT_TRAINER_LIB_DIR LD_LIBRARY_PATH

# What README.md shows is made the program of a crate that lies elsewhere.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/train/src"
# shellcheck disable=SC2016 # these quotes are Markdown's
sed -n '/^```rust/,/^```$/{//!p}' README.md >"$work/train/src/main.rs"
cat >"$work/train/Cargo.toml" <<END
[package]
name = "train"
version = "0.0.0"
edition = "2021"

[dependencies]
spot-trainer = { path = "$binding/spot-trainer" }

[features]
vendored = ["spot-trainer/vendored"]
END
cd "$work/train"
export CARGO_TARGET_DIR="$build/bindings/rust_train"

# trains shared|static "FEATURES" [VARIABLE=VALUE...]: it is built so, links the library so, and trains.
trains() {
  kind=$1 features=$2 program=$CARGO_TARGET_DIR/debug/train
  shift 2
  env "$@" cargo build --quiet --features "$features"
  linked=static
  ! readelf -d "$program" | grep -q 'NEEDED.*libspot_trainer' || linked=shared
  [ $linked = "$kind" ] || { echo "$program links the library as $linked, not $kind" >&2; exit 1; }
  rm -rf "$work/volume" && mkdir "$work/volume"
  env "$@" "$program" "$work/volume" | tee "$work/said"
  grep -q '^done, state [0-9a-f]\{32\}$' "$work/said"
}

echo "README.md's program, with the library as it is installed"
prefix="$work/a prefix"
for component in library development; do
  cmake --install "$build" --component $component --prefix "$prefix" >/dev/null
done
installed=$(dirname "$(find "$prefix" -name libspot_trainer.so)")
trains shared "" PKG_CONFIG_PATH="$installed/pkgconfig" LD_LIBRARY_PATH="$installed"
if [ -e "$installed/libspot_trainer.a" ]; then
  echo "with its archive"
  trains static "" PKG_CONFIG_PATH="$installed/pkgconfig" SPOT_TRAINER_STATIC=1
fi

# Beside this build and with its flags, so that ccache knows what was compiled.
echo "with the library from source"
vendored=${build%/*}/rust_vendored
warnings=$(sed -n 's/^SPOT_WARNINGS_AS_ERRORS:BOOL=//p' "$build/CMakeCache.txt")
cmake -S "$binding/../.." -B "$vendored" -G Ninja -DSPOT_WARNINGS_AS_ERRORS="$warnings" >/dev/null
trains static vendored SPOT_TRAINER_BUILD="$vendored"
