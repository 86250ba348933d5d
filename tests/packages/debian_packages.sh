#!/usr/bin/env bash
# debian_packages.sh FOLDER [-DVARIABLE=VALUE…] [SUITE…]: makes Debian's packages for each release and lives with them in
# a fresh root of it: apt installs them, spotctl trains through an interruption and loses nothing, a C program is built
# against the development package alone, and apt takes everything away again. FOLDER keeps roots and builds for the next
# time. Without a SUITE, that of the running system, where the packages are made; those of another are made in a root of
# it. Exits with 77 where it cannot be done.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift

skip() {
  echo "skipped: $1"
  exit 77
}

variables=() suites=()
for argument in "$@"; do
  case $argument in
    -D*) variables+=("$argument") ;;
    *) suites+=("$argument") ;;
  esac
done
here=$(. /etc/os-release && echo "$ID ${VERSION_CODENAME:-}")
[ ${#suites[@]} -gt 0 ] || case $here in
  debian\ *) suites=("${here#* }") ;;
  *) skip "this system is no Debian, and no release was named" ;;
esac
[ "$(id -u)" = 0 ] || skip "roots are made and entered by root alone"
for program in debootstrap dpkg-shlibdeps file unshare; do
  command -v $program >/dev/null || skip "there is no $program; install debootstrap, dpkg-dev, file and util-linux"
done
# Mounts and processes of ours live in namespaces, and are gone before the roots are removed.
if [ -z "${SPOT_PACKAGES_WORK:-}" ]; then
  unshare --mount --pid --fork true 2>/dev/null || skip "mounts of our own are not allowed here"
  work=$(mktemp -d "$folder/work-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  SPOT_PACKAGES_WORK=$work unshare --mount --mount-proc --pid --fork --kill-child \
    "$0" "$folder" "${variables[@]}" "${suites[@]}"
  exit
fi
work=$SPOT_PACKAGES_WORK
say() { printf '== %s\n' "$*"; }

# fresh_root SUITE FOLDER: a copy of the root that is made once.
fresh_root() {
  if [ ! -e "$folder/roots/$1/.complete" ]; then
    say "$1: debootstrap"
    rm -rf "${folder:?}/roots/$1"
    mkdir -p "$folder/roots"
    debootstrap --variant=minbase "$1" "$folder/roots/$1" >"$folder/debootstrap-$1.log" 2>&1 ||
      { tail -n 3 "$folder/debootstrap-$1.log"; skip "no root of $1 can be made"; }
    touch "$folder/roots/$1/.complete"
  fi
  mkdir -p "$2"
  cp -a --reflink=auto "$folder/roots/$1/." "$2"
}

# enter ROOT SUITE: mounts what programs in it need; packages are downloaded once.
enter() {
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  mkdir -p "$folder/downloads/$2"
  mount --bind "$folder/downloads/$2" "$1/var/cache/apt/archives"
  cp -L /etc/resolv.conf "$1/etc/resolv.conf"
}

# inside ROOT COMMAND…: all that the command knows is the root.
inside() {
  local root=$1
  shift
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    ${CMAKE_BUILD_PARALLEL_LEVEL:+CMAKE_BUILD_PARALLEL_LEVEL=$CMAKE_BUILD_PARALLEL_LEVEL} chroot "$root" "$@"
}

# install ROOT PACKAGE…: by name, or files by patterns that the root's shell expands.
install() {
  local root=$1
  shift
  inside "$root" apt-get update -qq -o APT::Update::Error-Mode=any || skip "Debian's archive is out of reach"
  inside "$root" sh -c "apt-get install -y -qq --no-install-recommends -o APT::Keep-Downloaded-Packages=true $*" \
    >"$work/apt.log" 2>&1 || { tail -n 20 "$work/apt.log"; exit 1; }
}

# make_packages SUITE: leaves them in $folder/packages/SUITE.
make_packages() {
  local packages="$folder/packages/$1" root="$work/$1-builder"
  rm -rf "$packages" && mkdir -p "$packages"
  say "$1: building the packages"
  if [ "$here" = "debian $1" ]; then
    (cd "$source" && cmake --preset deb "${variables[@]}" && nice cmake --build --preset deb &&
      cpack --preset deb -B "$packages") \
      >"$folder/$1.log" 2>&1 || { tail -n 30 "$folder/$1.log"; exit 1; }
  else
    mkdir -p "$folder/builds/$1"
    fresh_root "$1" "$root"
    enter "$root" "$1"
    mkdir "$root/source" "$root/build" "$root/packages"
    mount -o bind,ro "$source" "$root/source"
    mount --bind "$folder/builds/$1" "$root/build"
    mount --bind "$packages" "$root/packages"
    inside "$root" apt-get update -qq -o APT::Update::Error-Mode=any || skip "Debian's archive is out of reach"
    inside "$root" bash -ec '
      cd /source && . cmake/install_packages.sh && install_packages $build_packages $deb_packages
      cmake --preset deb -B /build "$@" && nice cmake --build /build && cd /build && cpack -B /packages
      ' bash "${variables[@]}" >"$folder/$1.log" 2>&1 || { tail -n 30 "$folder/$1.log"; exit 1; }
  fi
  rm -rf "$packages/_CPack_Packages"
}

live_with_packages() {
  local root="$work/$1"
  fresh_root "$1" "$root"
  enter "$root" "$1"
  mkdir "$root/given"
  cp "$folder/packages/$1"/*.deb "$source/examples/quickstart/rehearse.sh" "$source/examples/embed_c/embed.c" "$root/given"
  local dataset=synthetic
  [ -z "${SPOT_TEST_MNIST:-}" ] || { cp -rL "$SPOT_TEST_MNIST" "$root/given/mnist" && dataset=/given/mnist; }

  say "$1: apt installs library and program"
  inside "$root" dpkg-query -W -f '${Package}\n' | sort >"$work/before"
  install "$root" "/given/libspot-trainer[0-9]*.deb" "/given/spotctl_*.deb"
  inside "$root" dpkg-query -W -f '${Installed-Size} ${Package}\n' | sort -k2 |
    join -1 2 -2 1 -v 1 - "$work/before" | sort -k2nr >"$folder/closure-$1.txt"
  awk '{ sum += $2 } END { printf "%d packages, %.0f MB installed\n", NR, sum / 1024 }' "$folder/closure-$1.txt"
  for file in bash-completion/completions/spotctl zsh/vendor-completions/_spotctl fish/vendor_completions.d/spotctl.fish; do
    [ -s "$root/usr/share/$file" ] || { echo "there is no completion $file"; exit 1; }
  done

  say "$1: the quickstart's job"
  inside "$root" bash /given/rehearse.sh spotctl 150 "$dataset" 2>&1 | tee "$work/job"
  grep -q '^exit code 75' "$work/job" || { echo "the run was not interrupted"; exit 1; }

  say "$1: as the first process of a container, for which TERM does nothing of itself"
  mkdir "$root/tmp/first"
  : >"$work/first"
  unshare --pid --fork chroot "$root" spotctl train --volume /tmp/first --dataset synthetic --model lenet-5 --steps 1000000 \
    --metadata none >"$work/first" 2>&1 &
  local container=$! code=0
  for _ in $(seq 300); do grep -q ' step [0-9]' "$work/first" && break; sleep 0.2; done
  kill -TERM "$(cat "/proc/$container/task/$container/children")" || true
  wait $container || code=$?
  [ $code = 75 ] || { tail -n 5 "$work/first"; echo "exit code $code, not 75"; exit 1; }

  say "$1: the example in C, with the development package"
  install "$root" gcc libc6-dev pkg-config "/given/libspot-trainer-dev_*.deb"
  inside "$root" sh -ec 'mkdir -p /tmp/volume && cd /tmp
    cc -std=c99 -pthread /given/embed.c $(pkg-config --cflags --libs spot_trainer) -o embed_c
    ./embed_c volume dataset=synthetic model=lenet-5 steps=2 metadata=none' | tee "$work/embed"
  grep -q '"reason": "done", "step": 2,' "$work/embed"

  inside "$root" sh -c 'apt-get purge -y -qq spotctl "libspot-trainer*"' >/dev/null 2>&1
  local left
  left=$(find "$root/usr" "$root/etc" "$root/var" -xdev -name '*spot*train*' -o -xdev -name '*spotctl*')
  [ -z "$left" ] || { echo "purged, these files are left: $left"; exit 1; }
}

for suite in "${suites[@]}"; do
  make_packages "$suite"
  live_with_packages "$suite"
done
