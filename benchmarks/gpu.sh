#!/usr/bin/env bash
# What one NVIDIA GPU can tell in eight minutes, on a machine without a network:
#
#     bash benchmarks/gpu.sh OUT [--wheels WHEELS] [--pool POOL] [options of benchmarks.gpu.run]
#
# The package does not have to be installed. WHEELS is a folder of wheels of the packages that the
# machine lacks; benchmarks/README.md has the command that downloads them. They are unpacked into
# OUT/packages, so that nothing is installed. PYTHON chooses another Python than python3.
set -euo pipefail

usage="usage: bash benchmarks/gpu.sh OUT [--wheels WHEELS] [--pool POOL] [--smoke]"
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
out=${1:?$usage}
shift
mkdir -p "$out"
out=$(cd "$out" && pwd)

options=()
while [ $# -gt 0 ]; do
    if [ "$1" = --wheels ]; then
        wheels=${2:?$usage}
        for wheel in "$wheels"/*.whl; do
            [ -f "$wheel" ] || { echo "$wheels has no wheels (*.whl)." >&2; exit 2; }
            "$python" -m zipfile -e "$wheel" "$out/packages"
        done
        shift 2
    else
        options+=("$1")
        shift
    fi
done

# Packages that are installed come last on Python's path, so that those of the wheels win.
export PYTHONPATH="$root:$out/packages${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m benchmarks.gpu.run --output "$out" "${options[@]}"
