#!/usr/bin/env bash
# Trains one network with spot-trainer, PyTorch and TensorFlow in turn, each tuned as its experts would, and says how
# fast each is. `run.sh --help` has everything.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)

usage() {
  cat <<'USAGE'
Usage: tests/bench/peers/run.sh [OPTIONS]

Trains the same network on the same images with spot-trainer (`spotctl bench`), PyTorch and TensorFlow, round by round,
each in a process of its own on the same processors, and prints a Markdown table of samples a second.

  --device NAME        cpu, or cuda: spot-trainer and PyTorch on the graphics card, in fp32, tf32 and bf16; without
                       TensorFlow [cpu]

What is installed, and where:
  --venv FOLDER        Virtual environment; made when it is not there [build/peers-venv, or build/peers-venv-cuda]. It
                       gets the newest PyTorch and TensorFlow for this Python that PyPI has: about 1 GB to fetch, 3 GB
                       on the disk; for --device cuda PyTorch with all of its CUDA libraries, some 3 GB to fetch. A
                       PyTorch that is there is left as it is
  --upgrade            Look for newer ones in an environment that is there
  --no-tensorflow      Without TensorFlow
  --python PROGRAM     Python that makes the environment [python3]
  --install-only       Stop when everything is installed

USAGE
  cat <<'USAGE'
What is measured: options of peers.py
  --model NAME|FILE    keras-cnn, strided, lenet-5 (in tests/bench/peers/models), or a JSON file of layers [keras-cnn]
  --optimizer NAME     sgd or adam [sgd]
  --batch-size N       Samples a step [128]
  --seconds N          Each contestant trains for so long a round, and tests for so long [5]
  --rounds N           Rounds [5]
  --cores LIST         Processors that all contestants are bound to, e.g. 0,1; each has one thread on each
                       [all that this process may use]
  --attempts N         Repeat a run during which others kept more than --others processors busy; so often at most, then
                       the quietest attempt counts [1]
  --patience SECONDS   Before each run, wait so long at most until others are quiet for a second [0]
  --others N           What is still quiet, in processors [0.1]
  --only REGEX         Only contestants whose name matches; spot-trainer always takes part
  --dataset FOLDER     MNIST as IDX files [$SPOT_TEST_MNIST, else ../shared/mnist, else synthetic digits]
  --spotctl FILE       [build/release/examples/spotctl/spotctl, or build/cuda/… for --device cuda]
  --debian-python FILE A Python with Debian's python3-torch, one more contestant when it is there [/usr/bin/python3]
  --json FILE          Every single result, machine and versions
  --plot FILE.svg      The table as bars

PyPI's PyTorch for Linux is linked to some 3 GB of CUDA libraries that the CPU does not need. They are not fetched: small
stand-ins without a device take their place (cuda_stubs.py), and if it cannot be imported so, they are fetched after
all. torch.compile needs g++.

Run it on a quiet machine: the heading of the table tells how busy others kept it.
USAGE
}

device=cpu
venv=
python=python3
tensorflow=yes
upgrade=no
install_only=no
rest=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --venv) venv=${2:?--venv needs a folder}; shift ;;
    --device) device=${2:?--device needs cpu or cuda}; rest+=(--device "$device"); shift ;;
    --device=*) device=${1#*=}; rest+=("$1") ;;
    --python) python=${2:?--python needs a program}; shift ;;
    --no-tensorflow) tensorflow=no ;;
    --upgrade) upgrade=yes ;;
    --install-only) install_only=yes ;;
    *) rest+=("$1") ;;
  esac
  shift
done

if [ "$device" = cuda ]; then
  venv=${venv:-$root/build/peers-venv-cuda}
  tensorflow=no
  # Before gigabytes are fetched in vain.
  if [ $install_only = no ]; then "$python" "$here/peers.py" --check-only "${rest[@]}"; fi
fi
venv=${venv:-$root/build/peers-venv}

has() { "$venv/bin/python" -c "import $1" >/dev/null 2>&1; }

pip() { "$venv/bin/python" -m pip --disable-pip-version-check install --quiet --upgrade "$@"; }

install_torch() {
  if [ "$device" = cuda ]; then
    echo "installing PyTorch with CUDA" >&2
    pip torch numpy
    return
  fi
  echo "installing PyTorch without CUDA" >&2
  pip --no-deps torch
  # What the wheel requires, but for everything that belongs to CUDA.
  "$venv/bin/python" -c '
import importlib.metadata, re
for line in importlib.metadata.requires("torch"):
    if "extra ==" not in line and not re.match("cuda|nvidia|triton", line):
        print(line.split(";")[0])' >"$venv/torch-needs.txt"
  pip numpy -r "$venv/torch-needs.txt"
  has torch && return
  "$venv/bin/python" "$here/cuda_stubs.py" "$("$venv/bin/python" -c '
import importlib.util
print(importlib.util.find_spec("torch").submodule_search_locations[0])')"
  has torch && return
  echo "PyTorch cannot be imported so: installing all that it asks for" >&2
  pip --force-reinstall torch
}

if [ ! -x "$venv/bin/python" ]; then
  "$python" -m venv "$venv"
  pip pip
fi
if [ $upgrade = yes ] || ! has torch; then install_torch; fi
if [ $upgrade = yes ] || ! has matplotlib; then pip matplotlib; fi
if [ $tensorflow = yes ] && { [ $upgrade = yes ] || ! has tensorflow; }; then
  echo "installing TensorFlow" >&2
  pip tensorflow-cpu
fi
[ $install_only = yes ] && exit 0
if [ "$device" = cuda ] && ! reason=$("$venv/bin/python" -c 'import torch; torch.zeros(1, device="cuda")' 2>&1); then
  echo "PyTorch in $venv cannot use the card (give a --venv with one that fits the driver): ${reason##*$'\n'}" >&2
  exit 1
fi
[ $tensorflow = no ] && rest+=(--no-tensorflow)
exec "$venv/bin/python" "$here/peers.py" "${rest[@]}"
