#!/usr/bin/env bash
# Installs LocalStack where it is not, and has localstack_runs_a_region.py judge by it.
#
# Usage: localstack_runs_a_region.sh VENV TRANSECT FORWARDER WORK_FOLDER. Where its packages cannot be had, that is said and the exit code
# is 77: skipped, which is not passed. Other bytes than those listed are a failure.
set -uo pipefail
here=$(dirname "$0")
readonly SKIPPED=77
[[ $# -eq 4 ]] || { echo "usage: localstack_runs_a_region.sh VENV TRANSECT FORWARDER WORK_FOLDER" >&2; exit 2; }

code=0
"$here/requirements/install.sh" "$1" localstack || code=$?
[[ $code -ne 2 ]] || exit 1
if [[ $code -ne 0 ]]; then
  echo "skipped: the packages of requirements/localstack.txt do not install here, and so NOTHING was judged"
  exit "$SKIPPED"
fi
# Templates and what is said have more letters than some locales.
export PYTHONUTF8=1
exec "$1/bin/python" "$here/localstack_runs_a_region.py" "${@:2}"
