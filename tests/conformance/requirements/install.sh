#!/usr/bin/env bash
# Makes a Python environment of a list of packages, each with its version and hashes, and keeps it as long as neither changes.
#
# Usage: install.sh VENV LIST, where LIST is the name of a list beside this file. An environment that was half made is made anew. It
# takes no package that is not listed, nor other bytes than those that were listed: exit code 2 says that they were asked for or
# offered, and 1 that it could not be made.
set -uo pipefail
[[ $# -eq 2 ]] || { echo "usage: install.sh VENV LIST" >&2; exit 1; }
venv=$1 list=$(dirname "$0")/$2.txt
# Two judges may want the same one at once.
mkdir -p "$(dirname "$venv")" && exec 9>"$venv.lock" && flock 9 || exit 1
asked="$(python3 --version) $(sha256sum <"$list")" || exit 1
[[ ! -e $venv/asked || $(<"$venv/asked") != "$asked" ]] || exit 0

said=$(mktemp)
trap 'rm -f "$said"' EXIT
rm -rf "$venv"
if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement "$list"; } >"$said" 2>&1; then
  cat "$said" >&2
  ! grep -q -e 'DO NOT MATCH THE HASHES' -e '--require-hashes mode' "$said" || exit 2
  exit 1
fi
printf '%s' "$asked" >"$venv/asked"
