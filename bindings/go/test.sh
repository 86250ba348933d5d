#!/usr/bin/env bash
# Builds the Go binding's programs into BUILD_DIR/bindings/go, and runs its checkers and tests: against the library there,
# against an installation of it, and with its static archive, where there is one.
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
# The wrappers that cgo generates have parameters that they do not use.
export CGO_CFLAGS="-O2 -g -Wall -Wextra -Wno-unused-parameter -Werror"
export GOTOOLCHAIN=local GOFLAGS="${GOFLAGS:-} -mod=readonly" GOPROXY=off

# use_library FOLDER: of its spot_trainer.pc.
use_library() {
  export PKG_CONFIG_PATH=$1
  unset PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR LD_LIBRARY_PATH
}

# trains AGENT: runs it for two steps, with nothing said about where the library is.
trains() {
  local said
  said=$(env -u LD_LIBRARY_PATH -u PKG_CONFIG_PATH "$1" "$(mktemp -d "$temporary/volume-XXXXXX")" dataset=synthetic \
    model=light-cnn steps=2 metadata=none)
  [[ $said == *'"reason":"done","step":2,'* ]] || { echo "$1 does not train: $said"; exit 1; }
}

cat >"$temporary/spot_trainer.pc" <<END
Name: spot_trainer
Description: the library in $build
Version: 0
Libs: -L$(dirname "$library") -lspot_trainer
Cflags: -I$(realpath ../../include)
END
use_library "$temporary"

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
LD_LIBRARY_PATH=$(dirname "$library") go test $race -count=1 -timeout 20m ./...

echo "== installed: the agent in a module of its own"
for component in library development; do
  cmake --install "$build" --prefix "$temporary/prefix" --component $component >/dev/null
done
use_library "$(dirname "$(find "$temporary/prefix" -name spot_trainer.pc)")"
cp -r . "$temporary/module"
rm -f "$temporary"/module/spottrainer/static/{archive.h,libspot_trainer.a,spot_trainer.h,spot_trainer.pc}
mkdir "$temporary/program"
cp agent/main.go "$temporary/program"
cd "$temporary/program"
go mod init example.org/program 2>/dev/null
go mod edit -require github.com/spot-trainer/spot-trainer/bindings/go@v0.0.0
go mod edit -replace github.com/spot-trainer/spot-trainer/bindings/go=../module
go build -ldflags "-r $(pkg-config --variable=libdir spot_trainer)" -o agent .
trains ./agent

if [ ! -e "$(pkg-config --variable=libdir spot_trainer)/libspot_trainer.a" ]; then
  echo "== the build has no static archive (SPOT_BUILD_STATIC)"
  exit 0
fi
echo "== static: the tests, and the agent, which has vendored everything"
sh ../module/spottrainer/static/make.sh --installed
use_library "$temporary/nowhere"
rm -rf "$temporary/prefix"
(cd ../module && export GOFLAGS="$GOFLAGS -tags=spot_static" && go vet ./... && go test -count=1 -timeout 20m ./...)
go mod vendor
rm -rf ../module
go build -mod=vendor -tags spot_static -o agent .
trains ./agent
