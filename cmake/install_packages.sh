# Sourced by the scripts: installs what is missing of the packages that a build needs, on Debian and Ubuntu.

build_packages="g++ cmake ninja-build ccache pkg-config git ca-certificates libdnnl-dev ocl-icd-opencl-dev libhwy-dev
  flatbuffers-compiler libflatbuffers-dev libcurl4-openssl-dev zlib1g-dev libxxhash-dev nlohmann-json3-dev
  libcli11-dev libtomlplusplus-dev libpng-dev"

# What making Debian's packages needs beside them.
deb_packages="dpkg-dev file"

# install_packages [--optional] PACKAGE…: an optional package that cannot be had is only reported.
install_packages() {
  local optional=no package missing=""
  [ "$1" = --optional ] && optional=yes && shift
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
  done
  [ -z "$missing" ] && return 0
  local sudo=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "install these packages first, as root:$missing" >&2; return 1; }
    sudo=sudo
  fi
  echo "installing:$missing"
  if [ -z "${packages_updated:-}" ]; then
    $sudo apt-get update -qq || true
    packages_updated=yes
  fi
  if [ $optional = no ]; then
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
    return
  fi
  for package in $missing; do
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 ||
      echo "not to be had here, going on without it: $package"
  done
}
