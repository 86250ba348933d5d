#!/usr/bin/env bash
# Makes the wheel and tries it: test_wheel.sh BUILD_DIR. It must be small, be installed into a fresh environment and train
# there within a minute, load nothing of the system but what every one has, and get along with PyTorch where that is.
# Exit code 77: it cannot be made here.
set -euo pipefail

here=$(realpath "$(dirname "$0")")
. /etc/os-release
[ "$ID $VERSION_ID" = "debian 12" ] || { echo "skipped: the wheel is made on Debian 12"; exit 77; }
python=/usr/bin/python3
$python -m venv --help >/dev/null 2>&1 || { echo "skipped: there is no python3-venv"; exit 77; }
rm -rf "${1:?usage: test_wheel.sh BUILD_DIR}/wheel"
"$here/build_wheel.sh" "$1"
wheel=$(realpath "$1"/wheel/spot_trainer-*.whl)

bytes=$(stat -c %s "$wheel")
[ "$bytes" -le 25000000 ] || { echo "the wheel has $bytes bytes, more than 25,000,000" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >train.py <<'END'
import re, sys
import spot_trainer as spot

trainer = spot.Trainer(spot.Config(dataset="synthetic", model="light-cnn", metadata="none"))
print(f"loss after the first step: {trainer.step(1).loss:.4f}, {trainer.state_hash()}")
with open("/proc/self/maps") as maps:
    loaded = {line.split()[-1] for line in maps if ".so" in line}
mine = {path for path in loaded if "/spot_trainer" in path}
assert len(mine) > 5, mine
everywhere = r"/(ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s|libz|libpython[\d.]+)\.so"
others = {path for path in loaded - mine if not re.search(everywhere, path) and not path.startswith(sys.base_prefix + "/lib/python")}
# What Python's own modules bring.
others = {path for path in others if not re.search(r"/lib(ffi|expat|lzma|bz2)\.so", path)}
assert not others, f"the wheel uses the system's {others}"
END
export -n PYTHONPATH SPOT_TRAINER_LIBRARY 2>/dev/null || true
began=$SECONDS
$python -m venv fresh
fresh/bin/pip -q install --no-index "$wheel"
fresh/bin/python -X dev -W error train.py
seconds=$((SECONDS - began))
echo "$bytes bytes; environment, installation and first step: $seconds s"
[ $seconds -le 60 ] || { echo "that is more than 60 s" >&2; exit 1; }

# A server whose certificate this machine trusts answers 404, also where certificates lie as on Fedora.
cat >ask.py <<'END'
import http.server, ssl, sys, threading
import spot_trainer as spot

server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate", "key")
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
mirror = f"https://localhost:{server.server_port}/nowhere"
try:
    spot.Dataset.open(spot.Config(volume=sys.argv[1], dataset="mnist", dataset_mirrors=mirror))
except spot.SpotError as error:
    assert f"{mirror}/train-images-idx3-ubyte.gz: HTTP status 404" in str(error), error
END
if unshare -m true 2>/dev/null; then
  openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out certificate -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost 2>/dev/null
  mkdir volume
  unshare -m sh -ec '
    mkdir etc && cp -a /etc/. etc/ && mkdir -p etc/pki/tls/certs
    cp certificate etc/pki/tls/certs/ca-bundle.crt && mount --bind etc /etc && mount -t tmpfs none /etc/ssl
    fresh/bin/python ask.py volume 2>&1'
fi

if $python -c 'import torch' 2>/dev/null; then
  $python -m venv --system-site-packages beside
  beside/bin/pip -q install --no-index "$wheel"
  PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/tests beside/bin/python -X dev -W error -m unittest \
    test_python.Arrays.test_beside_torch
fi
