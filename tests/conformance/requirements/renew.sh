#!/usr/bin/env bash
# Makes the lists of packages, with versions and hashes, of what judges ask for: NAME.txt of each NAME.in. The newest that fits; with
# --keep, what is listed stays as it is where it still fits. .ci/run installs nothing else from PyPI.
#
# Run it with Python 3.11, the oldest that they are for. It needs PyPI.
set -euo pipefail
cd "$(dirname "$0")"
upgrade=(--upgrade)
[[ ${1:-} != --keep ]] || upgrade=()

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check pip-tools==7.6.2
for asked in *.in; do
  list=${asked%.in}
  CUSTOM_COMPILE_COMMAND=tests/conformance/requirements/renew.sh "$scratch/venv/bin/pip-compile" --quiet --generate-hashes --allow-unsafe \
    --strip-extras --no-emit-index-url --no-emit-find-links "${upgrade[@]}" --output-file "$list.txt" "$asked"
done
