#!/usr/bin/env bash
# Hashes what the forwarder's zip is made of: its crate, the crates that it stands on, lock file, profile and the scripts that build it.
#
# Usage: deploy/release/inputs.sh            prints the hash
#        deploy/release/inputs.sh --check    0 where it is the one in inputs.sha256: of these very files, two builds in two folders were equal
#        deploy/release/inputs.sh --write    after `deploy/release/build.sh --check` has said "equal": writes it down
#
# It refuses to say anything of the compiler, and of files that git does not know.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly COMMITTED=deploy/release/inputs.sha256

# Tests and benchmarks are in no zip.
hash_inputs() {
  git ls-files -z -- Cargo.toml Cargo.lock rust-toolchain.toml .cargo deploy/release/build.sh deploy/release/inputs.sh \
    crates/schema crates/normalize crates/forwarder ':!crates/*/tests/*' ':!crates/*/benches/*' |
    LC_ALL=C sort -z | xargs -0 sha256sum -- | sha256sum | cut -d' ' -f1
}

hash=$(hash_inputs)
case ${1:-} in
  '') echo "$hash" ;;
  --write) echo "$hash" >"$COMMITTED" ;;
  --check)
    if [[ -e $COMMITTED && $(<"$COMMITTED") == "$hash" ]]; then
      echo "inputs.sh: two builds of these inputs were compared before ($hash)"
    else
      echo "inputs.sh: no two builds of these inputs were compared yet ($hash): \`deploy/release/build.sh --check\` does, and then \`deploy/release/inputs.sh --write\` notes it" >&2
      exit 1
    fi
    ;;
  *) echo "usage: inputs.sh [--check|--write]" >&2; exit 2 ;;
esac
