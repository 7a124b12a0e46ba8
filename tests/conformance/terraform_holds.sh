#!/usr/bin/env bash
# deploy/terraform holds what it promises: its form, the tests of modules/plan, that modules/region reads nothing which modules/plan does
# not make (and puts every resource into its region), and that the plan is what deploy/cfn/region.yaml says. It prints every step; the first failure ends it.
#
# Usage: terraform_holds.sh VENV, a Python environment with 'pyyaml==6.*'. `terraform` (1.9 or newer) is expected on PATH, and jq.
#
# Terraform is in none of Debian, PyPI, npm and crates.io, or not from anybody who is known: HashiCorp's own place is
# releases.hashicorp.com. So a machine that reaches only those registries cannot have it. What needs no terraform is checked there all the
# same; then what was not is said and the exit code is 77: skipped, which is not passed.
#
# It reaches no network, so the AWS provider is not there. TRANSECT_TERRAFORM_REGISTRY=1 lets it be fetched, and then modules/region is
# planned with a mocked provider, too.
set -euo pipefail
readonly SKIPPED=77

[[ $# -eq 1 && -x $1/bin/python ]] || { echo "usage: terraform_holds.sh VENV" >&2; exit 2; }
python=$(cd "$1" && pwd)/bin/python
cd "$(dirname "$0")/../../deploy/terraform"
command -v jq >/dev/null || { echo "terraform_holds.sh: jq is not installed" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PYTHONDONTWRITEBYTECODE=1 CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_DATA_DIR=$scratch/data
# Somebody's own configuration may be missing, or name other providers.
export TF_CLI_CONFIG_FILE=/dev/null

step() {
  printf '\n--- %s\n' "$*"
  "$@"
}

# Version 6 of the provider puts a resource where its `region` says, and else silently where the provider is. IAM has no regions.
everything_has_its_region() {
  "$python" - modules/region/*.tf <<'PYTHON'
import re
import sys

resources = wrong = 0
for path in sys.argv[1:]:
    for kind, name, body in re.findall(r'^(?:resource|data) "(\w+)" "(\w+)" \{\n(.*?)^\}', open(path).read(), re.M | re.S):
        resources += 1
        has = re.findall(r"^  region\s+= (.*)$", body, re.M)
        if has != ([] if kind.startswith("aws_iam_") else ["var.region"]):
            wrong += 1
            print(f"{path}: {kind}.{name}: region is {has}")
print(f"{resources} resources, {wrong} of them in the wrong place")
sys.exit(wrong > 0 or resources < 20)
PYTHON
}

tests() { # FOLDER: they pass, and there are some
  terraform -chdir="$1" test -no-color | tee "$scratch/tests"
  grep -qE '^Success! [1-9][0-9]* passed, 0 failed\.' "$scratch/tests" || { echo "no test ran in $1" >&2; return 1; }
}

plan_of_the_example() { # OPTION…
  echo 'jsonencode({faults = local.faults, regions = local.regions})' |
    terraform -chdir=modules/plan console -state="$scratch/none.tfstate" -var-file=../../example.tfvars -var account_id=123456789012 "$@" 2>"$scratch/fault" |
    tail -1 | jq -r . >"$scratch/plan.json" || { cat "$scratch/fault" >&2; return 1; }
}

the_example_can_be_deployed() {
  plan_of_the_example
  jq -e '.faults == [] and (.regions | length) == 3' "$scratch/plan.json" || { jq -r '.faults[]' "$scratch/plan.json"; return 1; }
}

# Nothing that can be asked for is absent everywhere.
readonly everything='{us-east-2={encryption="kms",replica_bucket_arn="arn:aws:s3:::elsewhere",replica_key_arn="arn:aws:kms:eu-west-2:123456789012:key/1",replication_role_arn="arn:aws:iam::123456789012:role/copy"},us-west-2={subscribe="groups",log_groups=["/aws/lambda/cart"]}}'
region_reads_what_the_plan_makes() {
  plan_of_the_example -var "regions=$everything"
  "$python" - "$scratch/plan.json" main.tf outputs.tf modules/region/*.tf <<'PYTHON'
import json
import re
import sys

answer = json.load(open(sys.argv[1]))
plans = list(answer["regions"].values())
source = "".join(open(path).read() for path in sys.argv[2:])
faults = [f"fault: {fault}" for fault in answer["faults"]]


def reach(path):
    """What stands there in any region; null is something that was not asked for in that region."""
    found = plans
    for name in path.split("."):
        found = [value.get(name, KeyError) for value in found if value is not None]
        if any(value is KeyError for value in found):
            return None
    return found


read = set(re.findall(r"\bvar\.plan((?:\.[a-z_0-9]+)+)", source))
for path in sorted(path.removeprefix(".") for path in read):
    if not reach(path):
        faults.append(f"var.plan.{path} is read and not made")
# Within the elements that are gone through.
for of, path in [("each.value", "alarms"), ("columns.value", "glue.columns"), ("rule.value", "bucket.expirations"), ("rule.value", "bucket.replication.rules")]:
    block = source if of != "rule.value" else source[source.index(f"for_each = var.plan.{path}"):].split("\n  rule {")[0].split("\nresource")[0]
    elements = [element for value in reach(path) if value for element in (value.values() if isinstance(value, dict) else value)]
    for name in sorted(set(re.findall(rf"\b{re.escape(of)}\.(\w+)", block))):
        if not elements or any(name not in element for element in elements):
            faults.append(f"{of}.{name} of var.plan.{path} is read and not made")
# What is made is for somebody: two levels, of which an inner one may be read as a whole.
for group, value in plans[0].items():
    names = [f"{group}.{name}" for name in value] if isinstance(value, dict) and f".{group}" not in read else [group]
    for name in names:
        if not any(path.removeprefix(".").startswith(name) for path in read):
            faults.append(f"{name} of the plan is made and not read")
print(f"{len(read)} places of the plan are read" + "".join(f"\n{fault}" for fault in faults))
sys.exit(len(faults) > 0 or len(read) < 40)
PYTHON
}

step everything_has_its_region
if ! command -v terraform >/dev/null; then
  printf '\nskipped: no terraform on the PATH, and so form, tests of modules/plan and equality with CloudFormation were NOT judged\n'
  exit "$SKIPPED"
fi
step terraform version
step terraform fmt -check -diff -recursive .
step tests modules/plan
step the_example_can_be_deployed
step region_reads_what_the_plan_makes
step "$python" tests/equals_cloudformation.py
if [[ ${TRANSECT_TERRAFORM_REGISTRY:-} == 1 ]]; then
  step terraform -chdir=modules/region init -input=false
  step tests modules/region
  step terraform init -input=false -backend=false
  step terraform validate
else
  printf '\n--- modules/region was not planned: the AWS provider is not fetched here (TRANSECT_TERRAFORM_REGISTRY=1 does)\n'
fi
