#!/usr/bin/env bash
# Builds the agent as one does who has the source and no library: `go generate` makes the archive that it holds.
#
#   bindings/go/test_source.sh [OPTION OF CMAKE …]
#
# Exit code 77: the toolchain is missing (Debian: golang-go, gcc, pkg-config).
set -euo pipefail

cd "$(dirname "$0")"
for tool in go gcc pkg-config; do
  command -v $tool >/dev/null || { echo "skipped: there is no $tool (Debian: golang-go, gcc, pkg-config)"; exit 77; }
done
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
unset LD_LIBRARY_PATH
export PKG_CONFIG_PATH=$temporary GOTOOLCHAIN=local GOFLAGS="${GOFLAGS:-} -mod=readonly" GOPROXY=off
SPOT_TRAINER_SOURCE=$(realpath ../..)
export SPOT_TRAINER_SOURCE

# What is generated stays out of the source; what CMake has been told it remembers in the build folder.
cp -r . "$temporary/module"
cd "$temporary/module"
rm -f spottrainer/static/{archive.h,libspot_trainer.a,spot_trainer.h,spot_trainer.pc}
if said=$(go build -tags spot_static -o agent-program ./agent 2>&1); then
  echo "it has linked an archive that is not there"
  exit 1
fi
[[ $said == *'first run `go generate'* ]] || { echo "no word of what to do: $said"; exit 1; }
[ $# = 0 ] || cmake -S "$SPOT_TRAINER_SOURCE" -B "$SPOT_TRAINER_SOURCE/build/static" "$@"
go generate ./spottrainer
go build -tags spot_static -o agent-program ./agent
mkdir "$temporary/volume"
said=$(./agent-program "$temporary/volume" dataset=synthetic model=light-cnn steps=2 metadata=none)
[[ $said == *'"reason":"done","step":2,'* ]] || { echo "the agent does not train: $said"; exit 1; }
