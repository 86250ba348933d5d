#!/usr/bin/env bash
# Checks the types, and runs the tests against the library of a build: test.sh BUILD_DIR. Exit code 77: no Python.
# Debian: python3 python3-numpy; mypy and python3-torch where they are.
set -euo pipefail

build=$(realpath "${1:?usage: test.sh BUILD_DIR}")
library=$build/src/capi/libspot_trainer.so.1
[ -e "$library" ] || library=$build/libspot_trainer.so.1
[ -e "$library" ] || { echo "there is no libspot_trainer.so.1 in $build: build it first" >&2; exit 1; }
cd "$(dirname "$0")"

# The distribution's, which its packages are for, before any other.
python=/usr/bin/python3
[ -x $python ] || python=$(command -v python3) || { echo "skipped: there is no python3"; exit 77; }
$python -c 'import sys; sys.exit(sys.version_info < (3, 9))' || { echo "skipped: $python is older than 3.9"; exit 77; }

export SPOT_TRAINER_LIBRARY=$library PYTHONPATH=$PWD PYTHONDONTWRITEBYTECODE=1
if $python -c 'import mypy, numpy' 2>/dev/null; then
  # Another version of mypy finds other things, which are no errors but where CI runs.
  $python -m mypy --strict --python-version 3.9 --cache-dir=/dev/null spot_trainer examples/*.py || [ -z "${CI:-}" ]
else
  echo "mypy or numpy is missing: types are not checked"
fi
cd tests
exec $python -X dev -W error -m unittest
