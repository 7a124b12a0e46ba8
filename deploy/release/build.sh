#!/usr/bin/env bash
# Builds the forwarder's zip for Lambda's provided.al2023: the same bytes from the same commit, wherever the clone lies.
# Lambda's CodeSha256 is then equal in every region, and anybody can check a release against its source.
#
# Usage: deploy/release/build.sh [--check] [OUTPUT_FOLDER]
#   --check builds everything a second time, from a clone in another folder, and compares.
#
# x86_64 always; arm64 where its target and a linker for it are installed. It refuses to publish anything, and a binary
# that needs a newer glibc than provided.al2023 has.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Amazon Linux 2023.
readonly GLIBC_MAX=2.34

command -v zip >/dev/null || { echo "build.sh: zip is not installed" >&2; exit 1; }
check=false
if [[ ${1:-} == --check ]]; then check=true; shift; fi
output=${1:-target/release-zip}
mkdir -p "$output"
output=$(cd "$output" && pwd)

# Paths of this machine are no part of the program.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
sysroot=$(rustc --print sysroot)
export CARGO_ENCODED_RUSTFLAGS
build() { # SOURCE TARGET ARCHITECTURE OUTPUT
  local separator=$'\x1f' folder
  CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$1=transect${separator}--remap-path-prefix=$cargo_home=cargo${separator}--remap-path-prefix=$sysroot=rust"
  (cd "$1" && SOURCE_DATE_EPOCH=0 cargo build --quiet --locked --profile lambda --package transect-forwarder --target "$2" --target-dir "$1/target")
  folder=$(mktemp -d)
  install -m 755 "$1/target/$2/lambda/transect-forwarder" "$folder/bootstrap"
  local newest
  newest=$(grep -aoE 'GLIBC_2\.[0-9]+' "$folder/bootstrap" | sed 's/GLIBC_//' | sort -uV | tail -1)
  if [[ -n $newest && $(printf '%s\n' "$newest" "$GLIBC_MAX" | sort -V | tail -1) != "$GLIBC_MAX" ]]; then
    echo "build.sh: the binary needs glibc $newest and provided.al2023 has $GLIBC_MAX: build it on an older system" >&2
    exit 1
  fi
  # A zip holds the time and mode of its files: fixed ones, and nothing else of the machine.
  TZ=UTC touch -t 198001010000 "$folder/bootstrap"
  rm -f "$4"
  (cd "$folder" && TZ=UTC zip --quiet -X -9 "$4" bootstrap)
  printf '%s  %s (%s bytes, binary %s bytes)\n' "$(sha256sum "$4" | cut -d' ' -f1)" "$(basename "$4")" \
    "$(stat -c %s "$4")" "$(stat -c %s "$folder/bootstrap")"
  rm -rf "$folder"
}

installed=$(rustc --print target-libdir --target aarch64-unknown-linux-gnu 2>/dev/null || true)
targets=(x86_64-unknown-linux-gnu:x86_64)
if [[ -d $installed ]] && command -v aarch64-linux-gnu-gcc >/dev/null; then
  export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
  targets+=(aarch64-unknown-linux-gnu:arm64)
else
  echo "build.sh: no arm64: its Rust target or aarch64-linux-gnu-gcc is not installed" >&2
fi
for pair in "${targets[@]}"; do
  zip=$output/transect-forwarder-${pair#*:}.zip
  build "$PWD" "${pair%:*}" "${pair#*:}" "$zip"
  if $check; then
    again=$(mktemp -d)
    git clone --quiet --no-local . "$again/elsewhere"
    build "$again/elsewhere" "${pair%:*}" "${pair#*:}" "$again/again.zip"
    cmp "$zip" "$again/again.zip" && echo "equal: two builds in two folders"
    rm -rf "$again"
  fi
done
