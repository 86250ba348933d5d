#!/bin/sh
# exported_symbols.sh LIBRARY GOLDEN: fails unless the library exports exactly the symbols of the golden list.
# After a deliberate change of the header: nm -D --defined-only LIBRARY | awk '{print $3}' | sort > symbols.txt
set -eu
actual=$(mktemp)
trap 'rm -f "$actual"' EXIT
nm -D --defined-only "$1" | awk '{ print $3 }' | LC_ALL=C sort > "$actual"
if grep -vE '^(spot_|SPOT_TRAINER_)' "$actual"; then
  echo "these symbols must not be exported" >&2
  exit 1
fi
diff -u "$2" "$actual"
