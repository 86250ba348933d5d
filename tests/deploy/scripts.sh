#!/usr/bin/env bash
# What can be said of the templates' scripts and units without running them. Debian: shellcheck, systemd (both optional).
set -euo pipefail

cd "$(dirname "$0")/../../examples/deploy"
if command -v shellcheck >/dev/null; then
  grep -lE '^#!.*(ba)?sh$' -r . | xargs shellcheck -x
else
  echo "shellcheck is missing: the scripts are not checked"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if command -v systemd-analyze >/dev/null; then
  while read -r unit; do
    # Programs need not be installed where they are to be.
    sed -E 's|^(Exec[A-Za-z]+=)/usr/[a-z/-]+|\1/bin/true|' "$unit" >"$work/$(basename "$unit")"
    systemd-analyze verify --man=no "$work/$(basename "$unit")" >"$work/said" 2>&1 || echo "refused" >>"$work/said"
    [ ! -s "$work/said" ] || { echo "$unit: $(cat "$work/said")" >&2; exit 1; }
  done < <(find . -name '*.service')
  # Of 10, the least being best; systemd before 250 cannot tell of a unit that is not loaded.
  if systemd-analyze --help | grep -q -- --offline; then
    systemd-analyze security --offline=true --threshold=50 "$work/spot-trainer-run.service" >"$work/said" 2>&1 ||
      { tail -n 1 "$work/said" >&2; exit 1; }
  fi
else
  echo "systemd-analyze is missing: the units are not checked"
fi
# An interruption starts the run again, and is no failure.
grep -qx RestartForceExitStatus=75 systemd/spot-trainer-run.service
grep -qx SuccessExitStatus=75 systemd/spot-trainer-run.service
grep -qx SuccessExitStatus=75 user-data/spot-trainer.service

# User data is what it was made of, however the settings are indented.
printf '  # indented\nJOB=(a)\n' >"$work/settings"
user-data/make-user-data "$work/settings" user-data/make-user-data >"$work/user-data"
grep -qx '#cloud-config' "$work/user-data"
[ "$(sed -n '/content: |2$/,/^- /p' "$work/user-data" | sed -n '2,3s/^    //p')" = "$(cat "$work/settings")" ]
grep -oE 'content: H4s[A-Za-z0-9+/=]+' "$work/user-data" | sed 's/content: //' | while read -r packed; do
  base64 -d <<<"$packed" | gunzip
done | cmp - <(cat user-data/spot-trainer-boot user-data/make-user-data)

head -c 20000 /dev/urandom | base64 -w 0 >"$work/settings"
code=0 && user-data/make-user-data "$work/settings" >/dev/null 2>"$work/said" || code=$?
[ $code = 65 ] && grep -q 'Amazon takes 16,384' "$work/said"
code=0 && user-data/make-user-data /nowhere 2>"$work/said" || code=$?
[ $code = 64 ] && grep -q 'no file /nowhere' "$work/said"
echo "the scripts and units are sound"
