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
library=$(realpath "$1")/src/capi
[ -e "$library/libspot_trainer.so" ] || { echo "$library holds no libspot_trainer.so: build the target spot_trainer" >&2; exit 1; }
cd "$(dirname "$0")"

export CARGO_NET_OFFLINE=true CARGO_TARGET_DIR="${library%/src/capi}/bindings/rust" LD_LIBRARY_PATH="$library"
export SPOT_TRAINER_LIB_DIR="$library"
cargo fmt --check
cargo clippy --quiet --locked --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps
cargo test --quiet --locked

# As it is built where the library is installed: by what pkg-config says.
unset SPOT_TRAINER_LIB_DIR
mkdir -p "$CARGO_TARGET_DIR/pkgconfig"
printf 'Name: spot_trainer\nDescription: as built\nVersion: 0\nLibs: -L%s -lspot_trainer\n' "$library" \
  >"$CARGO_TARGET_DIR/pkgconfig/spot_trainer.pc"
PKG_CONFIG_PATH="$CARGO_TARGET_DIR/pkgconfig" cargo build --quiet --locked --example agent
