#!/usr/bin/env bash
# Builds the Go binding's programs into BUILD_DIR/bindings/go, and runs its checkers and tests against the library there.
#
#   bindings/go/test.sh BUILD_DIR
#
# Exit code 77: the toolchain is missing (Debian: golang-go, gcc, pkg-config).
set -euo pipefail

build=$(realpath "${1:?usage: bindings/go/test.sh BUILD_DIR}")
cd "$(dirname "$0")"
for tool in go gcc pkg-config; do
  command -v $tool >/dev/null || { echo "skipped: there is no $tool (Debian: golang-go, gcc, pkg-config)"; exit 77; }
done
library=$build/src/capi/libspot_trainer.so
[ -e "$library" ] || { echo "there is no $library: build it first"; exit 1; }

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cat >"$temporary/spot_trainer.pc" <<END
Name: spot_trainer
Description: the library in $build
Version: 0
Libs: -L$(dirname "$library") -lspot_trainer
Cflags: -I$(realpath ../../include)
END
export PKG_CONFIG_PATH=$temporary LD_LIBRARY_PATH=$(dirname "$library")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# The wrappers that cgo generates have parameters that they do not use.
export CGO_CFLAGS="-O2 -g -Wall -Wextra -Wno-unused-parameter -Werror"
export GOTOOLCHAIN=local GOFLAGS="${GOFLAGS:-} -mod=readonly" GOPROXY=off

echo "== $(go version): gofmt, vet"
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "gofmt would change: $unformatted"; exit 1; }
go vet ./...
go build -o "$build/bindings/go/" ./agent ./bench

# Every pointer that crosses the border is checked. Since Go 1.21 the compiler is to be asked for that.
if go version | grep -qE 'go1\.(19|20)\b'; then
  export GODEBUG=cgocheck=2
else
  export GOEXPERIMENT=cgocheck2
fi
race=-race
go build -race -o /dev/null ./bench 2>/dev/null || { race=; echo "== without the race detector, which is not here"; }
echo "== tests: cgocheck=2 $race"
go test $race -count=1 -timeout 20m ./...
