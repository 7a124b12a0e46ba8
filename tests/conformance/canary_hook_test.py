"""The examples for pipelines do what their heads say: each exit code, a run that is killed, a report that is missing, an alias that
somebody else changed. The handler, the state machine's definition and the workflow's scripts run as they are.

Usage: canary_hook_test.py, with boto3 and PyYAML. It refuses to reach AWS: `transect` and `aws` are scripts of its own, and every call
of boto3 is checked against botocore's model of the service and then answered from memory.
"""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import botocore.client
import yaml
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

EXAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "examples"
sys.path.insert(0, str(EXAMPLES))
sys.dont_write_bytecode = True
os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_REGION="us-east-2", AWS_DEFAULT_REGION="us-east-2")
import canary_hook  # noqa: E402

# Exit code and report come from files: `codes` holds a code a run, the last one for all that follow. KILL and SLEEP are what they say.
FAKE_TRANSECT = r"""#!/usr/bin/env bash
printf '%s ' "$@" >>"$FAKE/arguments"; echo >>"$FAKE/arguments"
output=/dev/stdout
while (($#)); do
  case $1 in --state) state=$2 ;; --output) output=$2 ;; esac
  shift
done
[[ -e $state ]] && cat "$state" >>"$FAKE/states-seen"
echo "$RANDOM-after-$(wc -l <"$FAKE/arguments")" >"$state"
code=$(head -n 1 "$FAKE/codes")
[[ $(wc -l <"$FAKE/codes") -gt 1 ]] && sed -i 1d "$FAKE/codes"
[[ $code == KILL ]] && kill -KILL $$
[[ $code == SLEEP ]] && exec sleep 60
[[ -e $FAKE/report-$code ]] && cat "$FAKE/report-$code" >"$output"
echo "talk of the run" >&2
exit "$code"
"""

# An alias a region, as files.
FAKE_AWS = r"""#!/usr/bin/env bash
arguments=("$@")
while (($#)); do
  case $1 in --region) region=$2 ;; --function-version) version=$2 ;; --revision-id) revision=$2 ;; esac
  shift
done
case "${arguments[0]} ${arguments[1]}" in
  "lambda get-alias") cat "$FAKE/alias-$region" ;;
  "lambda update-alias")
    [[ $(jq -r .RevisionId "$FAKE/alias-$region") == "$revision" ]] || exit 254
    alias=$(jq -c --arg v "$version" 'if $v != "" then .FunctionVersion = $v else . end | del(.RoutingConfig)' "$FAKE/alias-$region")
    echo "$alias" >"$FAKE/alias-$region" ;;
  *) exit 252 ;;
esac
"""

VERDICTS = {0: "PASS", 1: "FAIL", 4: "INCONCLUSIVE", 5: "NO_DATA", 6: "INVALID"}


def rows(*verdicts):
    """The regions of the wave with these verdicts, as a report lists them."""
    return [{"region": region, "verdict": verdict, "roll_back": False} for region, verdict in zip(WAVE["regions"], verdicts, strict=False)]


def report(code, **changes):
    regions = [
        {"region": region, "verdict": "FAIL" if region == "us-east-2" else "INCONCLUSIVE", "roll_back": code == 1 and region == "us-east-2"}
        for region in ("eu-west-2", "us-east-2")
    ]
    whole = {"verdict": VERDICTS.get(code), "exit_code": code, "reason": "because", "complete": True, "hindered": False, "observational": False}
    whole["roll_back"] = [row["region"] for row in regions if row["roll_back"]]
    return {**whole, "policy": {"slo": None}, "regions": regions, **changes}


WAVE = {"baseline": "1.4.1", "canary": "1.4.2", "weight": 0.1, "regions": {"us-east-2": "5", "eu-west-2": "7"}}

# Runs by what `transect rollout` would hear of them: exit codes and what the report says.
HEARD = {
    "Fail": [(1, {})],
    "Pass": [(0, {}), (0, {"observational": True, "policy": {"slo": 0.01}}),
             (0, {"regions": rows("PASS", "PASS"), "comparisons": [{"metric": "errors", "regions": rows("PASS", "PASS")},
                                                                  {"metric": "mixed traces", "regions": rows("UNCOVERED")}]})],
    "PassOfFew": [(0, {"regions": rows("PASS", "UNCOVERED")}), (0, {"regions": rows("PASS")}), (0, {"regions": []}),
                  (0, {"regions": rows("PASS", "PASS"), "comparisons": [{"metric": "errors", "regions": rows("PASS", "PASS")},
                                                                       {"metric": "latency", "regions": rows("UNCOVERED", "PASS")}]})],
    "Inconclusive": [(4, {}), (0, {"observational": True})],
    "NoData": [(5, {})],
    "Invalid": [(6, {})],
    "RegionMissing": [(4, {"complete": False}), (4, {"hindered": True}), (0, {"complete": False})],
    "Unanswered": [(3, {}), (70, {}), (101, {}), (124, {}), (137, {}), ("KILL", {}), (0, {"text": ""}), (1, {"text": "{}"}), (4, {"text": "null"}),
                   (0, {"verdict": "INCONCLUSIVE"}), (5, {"text": "not JSON"})],
    "Refused": [(2, {})],
}
# What the rollout calls its policies, and the examples theirs.
POLICIES = {"rollback": 2, "promote": 3, "hold": 4}


def rollout_table():
    """What `transect rollout` does, from where it stands in the code: of what was heard, once the bake is over, and at the deadline by policy."""
    text = (EXAMPLES.parents[1] / "crates/rollout/src/decision.rs").read_text()
    lines = re.search(r'let table = "\n(.*?)";', text, re.DOTALL)[1].splitlines()
    cells = {words[0]: words[1:] for words in map(str.split, lines)}
    # There is no row for a question that is refused, which is one of a line of its own.
    refused = re.search(r"in policies\.into_iter\(\)\.zip\(\[(.*?)\]\)", text)[1].replace("Course::", "").split(", ")
    cells["Refused"] = ["", "", *refused]
    return {
        heard: {policy: (row[1] or row[place], row[place]) for policy, place in POLICIES.items()}
        for heard, row in cells.items()
        # No example remembers that it had passed: its state does.
        if heard != "PassedBefore"
    }


class Context:
    """Lambda's context, with so many seconds for a run."""

    def __init__(self, seconds=20):
        self.seconds = seconds

    def get_remaining_time_in_millis(self):
        return (self.seconds + canary_hook.RESERVE_SECONDS) * 1000


class Account:
    """AWS, as far as the handler calls it."""

    def __init__(self):
        self.aliases = {region: {"version": "4", "weights": {}, "revision": 1} for region in ("us-east-2", "eu-west-2", "ap-south-1")}
        self.broken_regions = set()
        self.objects = {}
        self.conflict = False
        self.state_error = None
        self.answers = []
        self.deployments = ["d-1"]
        self.creator = "user"
        self.allow_traffic = datetime(2026, 11, 21, 8, 3, 12, tzinfo=UTC)

    def call(self, client, operation, parameters):
        model = client.meta.service_model.operation_model(operation)
        problems = ParamValidator().validate(parameters, model.input_shape)
        if problems.has_errors():
            raise AssertionError(problems.generate_report())
        return getattr(self, operation)(client.meta.region_name, **parameters)

    @staticmethod
    def error(code):
        return ClientError({"Error": {"Code": code, "Message": code}}, "operation")

    # S3
    def GetObject(self, _region, Bucket, Key):
        if self.state_error:
            raise self.error(self.state_error)
        if Key not in self.objects:
            raise self.error("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": f'"{hash(self.objects[Key])}"'}

    def PutObject(self, _region, Bucket, Key, Body, IfMatch=None, IfNoneMatch=None):
        tag = f'"{hash(self.objects[Key])}"' if Key in self.objects else None
        if self.conflict or IfMatch != tag or (IfNoneMatch == "*") != (tag is None):
            raise self.error("PreconditionFailed")
        self.objects[Key] = Body
        return {}

    # Lambda
    def GetAlias(self, region, FunctionName, Name):
        if region in self.broken_regions:
            raise self.error("ServiceException")
        alias = self.aliases[region]
        routing = {"RoutingConfig": {"AdditionalVersionWeights": dict(alias["weights"])}} if alias["weights"] else {}
        return {"FunctionVersion": alias["version"], "RevisionId": str(alias["revision"]), **routing}

    def UpdateAlias(self, region, FunctionName, Name, FunctionVersion, RoutingConfig, RevisionId):
        alias = self.aliases[region]
        if region in self.broken_regions or RevisionId != str(alias["revision"]):
            raise self.error("PreconditionFailedException")
        weights = dict(RoutingConfig["AdditionalVersionWeights"])
        alias.update(version=FunctionVersion, weights=weights, revision=alias["revision"] + 1)
        return {}

    def GetFunctionConfiguration(self, _region, FunctionName, Qualifier):
        return {"Environment": {"Variables": {"RELEASE": f"1.4.{Qualifier}"}}}

    # CodeDeploy
    def ListDeployments(self, _region, applicationName, deploymentGroupName, includeOnlyStatuses):
        assert includeOnlyStatuses == ["InProgress"]
        return {"deployments": self.deployments}

    def GetDeployment(self, _region, deploymentId):
        return {"deploymentInfo": {"creator": self.creator}}

    def ListDeploymentTargets(self, _region, deploymentId):
        return {"targetIds": ["payments:live"]}

    def GetDeploymentTarget(self, _region, deploymentId, targetId):
        events = [{"lifecycleEventName": "BeforeAllowTraffic"}, {"lifecycleEventName": "AllowTraffic"}]
        if self.allow_traffic:
            events[1]["startTime"] = self.allow_traffic
        info = {"functionName": "payments", "functionAlias": "live", "currentVersion": "1", "targetVersion": "2"}
        return {"deploymentTarget": {"lambdaTarget": {"lifecycleEvents": events, "lambdaFunctionInfo": info}}}

    def PutLifecycleEventHookExecutionStatus(self, _region, deploymentId, lifecycleEventHookExecutionId, status):
        self.answers.append((deploymentId, lifecycleEventHookExecutionId, status))
        return {}


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, text in (("transect", FAKE_TRANSECT), ("aws", FAKE_AWS)):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        self.account = account = Account()
        # Of a class, a plain function gets the client as its first argument.
        self.enterContext(
            mock.patch.object(botocore.client.BaseClient, "_make_api_call", lambda client, name, given: account.call(client, name, given))
        )
        settings = {
            "FAKE": str(self.folder),
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "CANARY_ALIAS": "live",
            "CANARY_APPLICATION": "application",
            "CANARY_DEADLINE_SECONDS": "3600",
            "CANARY_DEPLOYMENT_GROUP": "group",
            "CANARY_EVERY_SECONDS": "60",
            "CANARY_FUNCTION": "payments",
            "CANARY_ON_INCONCLUSIVE": "page",
            "CANARY_OPTIONS": "--alpha 0.01",
            "CANARY_RELEASE_VARIABLE": "",
            "CANARY_SERVICE": "payments",
            "CANARY_STATE_BUCKET": "states",
        }
        self.enterContext(mock.patch.dict(os.environ, settings))
        self.printed = io.StringIO()
        self.enterContext(contextlib.redirect_stdout(self.printed))
        self.enterContext(contextlib.redirect_stderr(io.StringIO()))

    def transect(self, *codes, **changes):
        """What `transect` does from now on: its exit codes, and a report for each with these changes. `text` is a report as it is."""
        (self.folder / "codes").write_text("".join(f"{code}\n" for code in codes))
        for code in {code for code in codes if isinstance(code, int)}:
            text = changes.get("text") if "text" in changes else json.dumps(report(code, **changes))
            if code in VERDICTS or "text" in changes:
                (self.folder / f"report-{code}").write_text(text)

    def runs(self):
        path = self.folder / "arguments"
        return path.read_text().splitlines() if path.exists() else []


class Reading(Case):
    """What counts as what."""

    def outcome(self, *codes, seconds=20, **changes):
        self.transect(*codes, **changes)
        return canary_hook.run(["--state", str(self.folder / "state")], seconds).outcome

    def test_each_exit_code_is_one_outcome(self):
        expected = {0: "PASS", 1: "FAIL", 2: "REFUSED", 3: "INCOMPLETE", 4: "INCONCLUSIVE", 5: "NO_DATA", 6: "INVALID"}
        for code, outcome in expected.items():
            self.assertEqual(self.outcome(code), outcome, code)
        for code in (70, 101, 124, 130, 137, 255):
            self.assertEqual(self.outcome(code), "BROKEN", code)

    def test_no_code_counts_without_its_report(self):
        for code in (0, 1, 4):
            for text in ("", "{}", "not JSON", "[]", "null", json.dumps({"verdict": "NO_DATA"}), json.dumps(report(code))[:-9]):
                self.assertEqual(self.outcome(code, text=text), "BROKEN", (code, text))
        # --on-inconclusive pass, set by somebody in the options, is not this pipeline's policy.
        self.assertEqual(self.outcome(0, verdict="INCONCLUSIVE"), "BROKEN")

    def test_a_pass_that_lacks_a_region_is_incomplete(self):
        self.assertEqual(self.outcome(0, complete=False), "INCOMPLETE")

    def test_a_pass_of_releases_that_never_met_needs_an_slo(self):
        self.assertEqual(self.outcome(0, observational=True), "INCONCLUSIVE")
        self.assertEqual(self.outcome(0, observational=True, policy={"slo": 0.01}), "PASS")

    def test_a_run_that_is_killed_or_late_or_missing_is_broken(self):
        self.assertEqual(self.outcome("KILL"), "BROKEN")
        self.assertEqual(self.outcome("SLEEP", seconds=1), "BROKEN")
        (self.folder / "transect").unlink()
        with mock.patch.dict(os.environ, {"PATH": str(self.folder)}):
            self.assertEqual(self.outcome(0), "BROKEN")


class Hook(Case):
    """AfterAllowTraffic."""

    def status(self, *codes, seconds=20, **changes):
        self.transect(*codes, **changes)
        self.account.answers.clear()
        canary_hook.hook({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}, Context(seconds))
        [(deployment, execution, status)] = self.account.answers
        self.assertEqual((deployment, execution), ("d-1", "e-1"))
        return status

    def test_only_a_pass_succeeds(self):
        self.assertEqual(self.status(0), "Succeeded")
        for code in (1, 2, 3, 4, 5, 6, 70, 101, "KILL"):
            self.assertEqual(self.status(code), "Failed", code)
        self.assertEqual(self.status("SLEEP", seconds=1), "Failed")
        self.assertEqual(self.status(0, text=""), "Failed")
        # This region is the one that counts, and it had too few requests.
        self.assertEqual(self.status(0, regions=rows("UNCOVERED", "PASS")), "Failed")

    def test_the_policy_is_for_inconclusive_alone(self):
        with mock.patch.dict(os.environ, {"CANARY_ON_INCONCLUSIVE": "promote"}):
            self.assertEqual(self.status(4), "Succeeded")
            self.assertEqual(self.status(0, regions=rows("UNCOVERED")), "Succeeded")
            for code in (1, 2, 3, 5, 6, 70, "KILL"):
                self.assertEqual(self.status(code), "Failed", code)

    def test_it_asks_from_the_beginning_of_the_shift_and_waits(self):
        self.status(0)
        [run] = self.runs()
        self.assertIn("--service payments --region us-east-2 --since 2026-11-21T08:03:12Z --baseline 1 --canary 2 --watch --every 1m", run)
        self.assertIn("--alpha 0.01", run)
        self.assertNotIn("--weight", run)

    def test_releases_come_from_the_variable_where_one_is_named(self):
        with mock.patch.dict(os.environ, {"CANARY_RELEASE_VARIABLE": "RELEASE"}):
            self.status(0)
        self.assertIn("--baseline 1.4.1 --canary 1.4.2", self.runs()[0])

    def test_a_rollback_is_let_through_unseen(self):
        for creator in ("codeDeployRollback", "CloudFormationRollback"):
            self.account.creator = creator
            self.assertEqual(self.status(1), "Succeeded")
        self.assertEqual(self.runs(), [])

    def test_what_breaks_is_told_as_failed(self):
        self.account.state_error = "AccessDenied"
        self.assertEqual(self.status(0), "Failed")
        self.account.state_error = None
        self.account.allow_traffic = None
        self.assertEqual(self.status(0), "Failed")

    def test_it_reads_the_watchers_state_and_leaves_it(self):
        self.account.objects["d-1"] = b"of the watcher\n"
        self.status(0)
        self.assertEqual((self.folder / "states-seen").read_text(), "of the watcher\n")
        self.assertEqual(self.account.objects, {"d-1": b"of the watcher\n"})


class Watch(Case):
    """Every minute of a shift."""

    def metrics(self):
        lines = [json.loads(line) for line in self.printed.getvalue().splitlines() if line.startswith("{")]
        return [(line["Application"], line["Fail"]) for line in lines if "_aws" in line]

    def test_a_failure_and_nothing_else_sets_the_metric(self):
        for code in (1, 0, 2, 3, 4, 5, 6, 70, "KILL"):
            self.transect(code)
            canary_hook.watch({}, Context())
        self.assertEqual(self.metrics(), [("application", 1)] + [("application", 0)] * 8)
        definition = json.loads(next(line for line in self.printed.getvalue().splitlines() if "_aws" in line))["_aws"]["CloudWatchMetrics"]
        alarm = template("codedeploy-after-allow-traffic.yaml")["Resources"]["FailAlarm"]["Properties"]
        self.assertEqual(definition[0]["Namespace"], alarm["Namespace"])
        self.assertEqual(definition[0]["Metrics"][0]["Name"], alarm["MetricName"])
        self.assertEqual(definition[0]["Dimensions"], [[dimension["Name"] for dimension in alarm["Dimensions"]]])

    def test_where_nothing_is_shifted_nothing_is_asked(self):
        self.account.deployments = []
        self.assertEqual(canary_hook.watch({}, Context()), {})
        self.account.deployments, self.account.allow_traffic = ["d-1"], None
        self.assertEqual(canary_hook.watch({}, Context()), {})
        self.account.allow_traffic, self.account.creator = datetime.now(UTC), "codeDeployRollback"
        self.assertEqual(canary_hook.watch({}, Context()), {})
        self.assertEqual((self.runs(), self.metrics()), ([], []))

    def test_a_look_goes_on_from_the_state_of_the_look_before(self):
        self.transect(4)
        canary_hook.watch({}, Context())
        first = self.account.objects["d-1"]
        canary_hook.watch({}, Context())
        self.assertEqual((self.folder / "states-seen").read_bytes(), first)
        self.assertNotEqual(self.account.objects["d-1"], first)

    def test_the_state_of_a_broken_or_partial_look_is_not_kept(self):
        for code in (2, 3, 70, "KILL"):
            self.transect(code)
            canary_hook.watch({}, Context())
            self.assertEqual(self.account.objects, {}, code)

    def test_a_look_that_was_overtaken_still_tells_what_it_found(self):
        self.account.conflict = True
        self.transect(1)
        canary_hook.watch({}, Context())
        self.assertEqual(self.metrics(), [("application", 1)])


class Wave(Case):
    """Steps of the state machine."""

    def shifted(self):
        return canary_hook.wave({"step": "shift", "wave": WAVE}, Context())

    def alias(self, region):
        return self.account.aliases[region]["version"], self.account.aliases[region]["weights"]

    def test_it_does_what_a_rollout_does(self):
        """Each cell of the table. A pass of a wave needs no bake here."""
        steps = {"SetBackNamed": "roll_back", "SetBackWave": "roll_back", "Pass": "promote", "PassByPolicy": "promote", "Wait": "wait", "Hold": "page"}
        names = {"rollback": "roll_back", "promote": "promote", "hold": "page"}
        cells = 0
        for heard, by_policy in rollout_table().items():
            for policy, courses in by_policy.items():
                os.environ["CANARY_ON_INCONCLUSIVE"] = names[policy]
                for deadline, course in zip(("3600", "-600"), courses, strict=True):
                    for code, changes in HEARD[heard]:
                        os.environ["CANARY_DEADLINE_SECONDS"] = deadline
                        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                        look = self.looked(code, since=since, **changes)
                        self.assertEqual(look["step"], steps[course], (heard, policy, deadline, code, changes))
                        self.assertEqual(look["regions"], ["us-east-2"] if heard == "Fail" else list(WAVE["regions"]))
                        cells += 1
        self.assertGreater(cells, 100)
        for policy in ("", "nonsense"):
            self.assertEqual(canary_hook.next_step("INCONCLUSIVE", True, policy), "page")
            self.assertEqual(canary_hook.next_step("nobody thought of it", True, policy), "page")

    def test_a_shift_gives_the_weight_in_every_region_of_the_wave(self):
        result = self.shifted()
        self.assertEqual(self.alias("us-east-2"), ("4", {"5": 0.1}))
        self.assertEqual(self.alias("eu-west-2"), ("4", {"7": 0.1}))
        self.assertEqual(self.alias("ap-south-1"), ("4", {}))
        since = datetime.strptime(result["since"], "%Y-%m-%dT%H:%M:%S%z")
        self.assertEqual(since.second, 0)
        self.assertTrue(60 <= (since - datetime.now(UTC)).total_seconds() <= 120)
        # Done twice it is the same.
        self.shifted()
        self.assertEqual(self.alias("us-east-2"), ("4", {"5": 0.1}))

    def test_a_shift_is_in_all_regions_or_in_none(self):
        for change in ({"weights": {"6": 0.2}}, {"version": "7"}):
            before = dict(self.account.aliases["eu-west-2"])
            self.account.aliases["eu-west-2"].update(change)
            with self.assertRaises(ValueError):
                self.shifted()
            self.account.aliases["eu-west-2"] = before
        self.assertEqual(self.alias("us-east-2"), ("4", {}))
        with mock.patch.object(Account, "UpdateAlias", autospec=True, side_effect=self.second_region_breaks), self.assertRaises(ClientError):
            self.shifted()
        self.assertEqual(self.alias("us-east-2"), ("4", {}))
        self.assertEqual(self.alias("eu-west-2"), ("4", {}))

    update_alias = Account.UpdateAlias

    @staticmethod
    def second_region_breaks(account, region, **parameters):
        if region == "eu-west-2":
            raise Account.error("ServiceException")
        return Wave.update_alias(account, region, **parameters)

    def test_weights_that_are_no_canary_are_refused(self):
        for weight in (0, -0.1, 0.51, 1, float("nan")):
            with self.assertRaises(ValueError):
                canary_hook.wave({"step": "shift", "wave": {**WAVE, "weight": weight}}, Context())
        with self.assertRaises(ValueError):
            canary_hook.wave({"step": "shift", "wave": {**WAVE, "regions": {}}}, Context())

    def looked(self, *codes, since="2026-11-21T08:05:00Z", **changes):
        (self.folder / "report-0").unlink(missing_ok=True)
        self.transect(*codes, **changes)
        event = {"step": "look", "wave": WAVE, "since": since, "execution": "x-1"}
        return canary_hook.wave(event, Context())

    def test_a_look_asks_for_the_waves_regions_and_weight(self):
        self.looked(4)
        expected = "--service payments --baseline 1.4.1 --canary 1.4.2 --since 2026-11-21T08:05:00Z --weight 0.1 --region us-east-2 --region eu-west-2"
        self.assertIn(expected, self.runs()[0])
        self.assertIn("x-1", self.account.objects)

    def test_a_failure_lists_the_waves_own_regions_alone(self):
        self.assertEqual(self.looked(1)["regions"], ["us-east-2"])
        self.assertEqual(self.looked(1, roll_back=["ap-south-1"])["regions"], [])
        # What fails as a whole is set back as a whole.
        self.assertEqual(self.looked(1, roll_back=[])["regions"], list(WAVE["regions"]))

    def test_roll_back_touches_only_what_is_listed(self):
        self.shifted()
        self.account.aliases["ap-south-1"]["weights"] = {"5": 0.1}
        canary_hook.wave({"step": "roll_back", "wave": WAVE, "regions": ["us-east-2"]}, Context())
        self.assertEqual(self.alias("us-east-2"), ("4", {}))
        self.assertEqual(self.alias("eu-west-2"), ("4", {"7": 0.1}))
        self.assertEqual(self.alias("ap-south-1"), ("4", {"5": 0.1}))
        # Done twice it is the same, and of nothing it is nothing.
        canary_hook.wave({"step": "roll_back", "wave": WAVE, "regions": ["us-east-2"]}, Context())
        canary_hook.wave({"step": "roll_back", "wave": WAVE, "regions": []}, Context())
        self.assertEqual(self.alias("eu-west-2"), ("4", {"7": 0.1}))

    def test_a_region_that_is_down_does_not_keep_the_others_from_being_rolled_back(self):
        self.shifted()
        self.account.broken_regions = {"us-east-2"}
        with self.assertRaisesRegex(RuntimeError, "us-east-2"):
            canary_hook.wave({"step": "roll_back", "wave": WAVE, "regions": ["us-east-2", "eu-west-2"]}, Context())
        self.assertEqual(self.alias("eu-west-2"), ("4", {}))

    def test_an_alias_that_somebody_changed_is_left_as_it_is(self):
        for version, weights in (("4", {"9": 0.1}), ("4", {"5": 0.1, "9": 0.1}), ("9", {"8": 0.1})):
            self.account.aliases["us-east-2"].update(version=version, weights=dict(weights))
            for step in ("roll_back", "promote"):
                with self.assertRaises(RuntimeError):
                    canary_hook.wave({"step": step, "wave": WAVE, "regions": ["us-east-2"]}, Context())
                self.assertEqual(self.alias("us-east-2"), (version, weights))

    def test_promotion_gives_the_canary_everything(self):
        self.shifted()
        for _ in range(2):
            canary_hook.wave({"step": "promote", "wave": WAVE}, Context())
            self.assertEqual(self.alias("us-east-2"), ("5", {}))
            self.assertEqual(self.alias("eu-west-2"), ("7", {}))
            self.assertEqual(self.alias("ap-south-1"), ("4", {}))


class Loader(yaml.SafeLoader):
    """YAML with the short forms of CloudFormation's functions."""


def short_form(loader, suffix, node):
    build = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence, yaml.MappingNode: loader.construct_mapping}
    return {suffix: build[type(node)](node)}


Loader.add_multi_constructor("!", short_form)
# `on` is a key of workflows, not a truth.
Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or letter in "tTfF"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def template(name):
    return yaml.load((EXAMPLES / name).read_text(), Loader)


class Machine(Case):
    """The state machine's definition, walked from state to state; the handler does its tasks."""

    def setUp(self):
        super().setUp()
        self.definition = template("step-functions-wave.yaml")["Resources"]["Wave"]["Properties"]["Definition"]
        self.told = []

    def value(self, path, data, context):
        root, path = (context, path[2:]) if path.startswith("$$") else (data, path[1:])
        for key in filter(None, path.split(".")):
            root = root[key]
        return root

    def task(self, state, data, context):
        given = {
            name.removesuffix(".$"): value if not name.endswith(".$") or value.startswith("States.") else self.value(value, data, context)
            for name, value in state["Parameters"].items()
        }
        if "Sub" in state["Resource"]:
            # Every path of the message must lead somewhere, or the message itself would fail.
            self.told.append([self.value(path, data, context) for path in re.findall(r"\$[$.A-Za-z_]+", given["Message"])])
            return {}
        return canary_hook.wave(given, Context())

    def walk(self, deadline, *codes, **changes):
        self.transect(*codes, **changes)
        os.environ["CANARY_DEADLINE_SECONDS"] = str(deadline)
        data, context = json.loads(json.dumps(WAVE)), {"Execution": {"Name": "x-1"}}
        name = self.definition["StartAt"]
        for _ in range(100):
            state = self.definition["States"][name]
            match state["Type"]:
                case "Succeed" | "Fail":
                    return name, state["Type"]
                case "Wait":
                    self.assertGreaterEqual(self.value(state["SecondsPath"], data, context), 1)
                    name = state["Next"]
                case "Choice":
                    taken = [rule["Next"] for rule in state["Choices"] if self.value(rule["Variable"], data, context) == rule["StringEquals"]]
                    name = (taken or [state["Default"]])[0]
                case "Task":
                    try:
                        result, place, name = self.task(state, data, context), state.get("ResultPath", "$"), state["Next"]
                    except Exception as error:
                        [catch] = [rule for rule in state["Catch"] if rule["ErrorEquals"] == ["States.ALL"]]
                        result, place, name = {"Error": "Exception", "Cause": str(error)}, catch["ResultPath"], catch["Next"]
                    if place == "$":
                        data = result
                    elif place is not None:
                        data[place.removeprefix("$.")] = json.loads(json.dumps(result))
        self.fail("no end after a hundred states")

    def weights(self):
        return {region: (alias["version"], alias["weights"]) for region, alias in self.account.aliases.items() if region in WAVE["regions"]}

    as_shifted = {"us-east-2": ("4", {"5": 0.1}), "eu-west-2": ("4", {"7": 0.1})}

    def check(self, expected, weights, deadline, *codes, **changes):
        self.account.__init__()
        self.told.clear()
        self.assertEqual(self.walk(deadline, *codes, **changes)[0], expected, codes)
        self.assertEqual(self.weights(), weights, codes)
        self.assertEqual(len(self.told), 0 if expected == "Promoted" else 1)

    def test_each_way_through(self):
        promoted = {"us-east-2": ("5", {}), "eu-west-2": ("7", {})}
        self.check("Promoted", promoted, 3600, 0)
        self.check("Promoted", promoted, 3600, 5, 5, 3, 4, 0)
        self.check("RolledBack", {**self.as_shifted, "us-east-2": ("4", {})}, 3600, 5, 4, 1)
        self.check("RolledBack", self.as_shifted, 3600, 1, roll_back=["ap-south-1"])
        self.check("RolledBack", {"us-east-2": ("4", {}), "eu-west-2": ("4", {})}, 3600, 1, roll_back=[])
        # A share that is off is looked at on, and a failure that comes is acted on.
        self.check("RolledBack", {**self.as_shifted, "us-east-2": ("4", {})}, 3600, 6, 6, 1)
        # What a run that broke would have said, the next one says.
        for code in (70, 101, "KILL"):
            self.check("Promoted", promoted, 3600, 5, code, 0)
        self.check("Stopped", self.as_shifted, 3600, 5, 2)
        # Beyond the deadline.
        for code in (2, 3, 4, 5, 6, 70, "KILL"):
            self.check("Stopped", self.as_shifted, -600, code)
        self.check("Stopped", self.as_shifted, -600, 0, regions=rows("PASS", "UNCOVERED"))

    def test_the_deadline_by_policy(self):
        os.environ["CANARY_ON_INCONCLUSIVE"] = "roll_back"
        for code in (2, 3, 4, 5, 6, 70, "KILL"):
            self.check("RolledBack", {"us-east-2": ("4", {}), "eu-west-2": ("4", {})}, -600, code)
        os.environ["CANARY_ON_INCONCLUSIVE"] = "promote"
        self.check("Promoted", {"us-east-2": ("5", {}), "eu-west-2": ("7", {})}, -600, 4)
        for code in (2, 3, 5, 6, "KILL"):
            self.check("Stopped", self.as_shifted, -600, code)

    def test_a_task_that_breaks_stops_the_wave_and_pages(self):
        self.account.state_error = "AccessDenied"
        self.assertEqual(self.walk(3600, 0), ("Stopped", "Fail"))
        self.assertEqual(len(self.told), 1)
        self.assertEqual(self.weights(), self.as_shifted)

    def test_every_state_leads_somewhere_and_is_reached(self):
        states = self.definition["States"]
        targets = {self.definition["StartAt"]}
        for state in states.values():
            targets |= {place[name] for place in [state, *state.get("Choices", []), *state.get("Catch", [])] for name in ("Next", "Default") if name in place}
        self.assertEqual(targets, set(states))

    def test_every_task_has_an_end_and_a_catch(self):
        for name, state in self.definition["States"].items():
            if state["Type"] == "Task":
                self.assertIn("TimeoutSeconds", state, name)
                self.assertEqual(state["Catch"][0]["ErrorEquals"], ["States.ALL"], name)


class Workflow(Case):
    """The scripts of the workflow's steps."""

    def setUp(self):
        super().setUp()
        self.workflow = template("github-actions.yaml")

    def step(self, job, identity, **variables):
        [step] = [step for step in self.workflow["jobs"][job]["steps"] if step.get("id") == identity]
        self.assertLessEqual(set(variables), set(step["env"]) | {"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"})
        self.assertNotIn("${{", step["run"])
        # As the runner does it for `shell: bash`.
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(command, cwd=self.folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
        return done

    def decided(self, *codes, on_inconclusive="stop", markdown=True, **changes):
        output = self.folder / "output"
        for name in ("output", "report.json", "report.md", "junit.xml", "arguments", "report-0"):
            (self.folder / name).unlink(missing_ok=True)
        self.transect(*codes, **changes)
        done = self.step(
            "judge",
            "watch",
            SERVICE="payments",
            BASELINE="1.4.1",
            CANARY="1.4.2",
            SHIFTED_AT="2026-11-21T08:03:12Z",
            VERSIONS=json.dumps(WAVE["regions"]),
            OPTIONS="--alpha 0.01",
            DEADLINE="30m",
            ON_INCONCLUSIVE=on_inconclusive,
            GITHUB_OUTPUT=str(output),
            GITHUB_STEP_SUMMARY=str(self.folder / "summary"),
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = dict(line.split("=", 1) for line in output.read_text().splitlines())
        return lines["decision"], json.loads(lines["regions"])

    def test_it_does_what_a_rollout_does_at_the_deadline(self):
        everywhere = ["eu-west-2", "us-east-2"]
        decisions = {"SetBackNamed": ("roll-back", ["us-east-2"]), "SetBackWave": ("roll-back", everywhere),
                     "Pass": ("promote", everywhere), "PassByPolicy": ("promote", everywhere), "Hold": ("stop", [])}
        names = {"rollback": "roll-back", "promote": "promote", "hold": "stop"}
        cells = 0
        for heard, by_policy in rollout_table().items():
            for policy, (_, course) in by_policy.items():
                for code, changes in HEARD[heard]:
                    decided = self.decided(code, on_inconclusive=names[policy], **changes)
                    self.assertEqual(decided, decisions[course], (heard, policy, code, changes))
                    cells += 1
        self.assertGreater(cells, 60)
        self.assertEqual(self.decided(1, roll_back=["ap-south-1"]), ("roll-back", []))
        self.assertEqual(self.decided(1, roll_back=[]), ("roll-back", everywhere))
        self.assertEqual(self.decided(4, on_inconclusive="nonsense"), ("stop", []))

    def test_the_first_run_decides_and_the_others_only_show(self):
        self.assertEqual(self.decided(1, 0, 0)[0], "roll-back")
        self.assertEqual(self.decided(4, 0, 0)[0], "stop")
        watch, markdown, junit = self.runs()
        self.assertIn("--since 2026-11-21T08:05:00Z --region=eu-west-2 --region=us-east-2 --alpha 0.01 --state canary.state --watch", watch)
        self.assertIn("--format markdown --output report.md", markdown)
        self.assertIn("--format junit --output junit.xml", junit)
        self.assertIn("because", (self.folder / "summary").read_text())

    def alias(self, version, weights):
        routing = {"RoutingConfig": {"AdditionalVersionWeights": weights}} if weights else {}
        (self.folder / "alias-us-east-2").write_text(json.dumps({"FunctionVersion": version, "RevisionId": "r-1", **routing}))

    def acted(self, job, version, weights):
        self.alias(version, weights)
        done = self.step(job, job, REGION="us-east-2", VERSIONS=json.dumps(WAVE["regions"]), FUNCTION="payments", ALIAS="live")
        alias = json.loads((self.folder / "alias-us-east-2").read_text())
        return done.returncode, alias["FunctionVersion"], alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})

    def test_promotion_and_roll_back_change_the_alias_that_was_judged_and_no_other(self):
        self.assertEqual(self.acted("promote", "4", {"5": 0.1}), (0, "5", {}))
        self.assertEqual(self.acted("promote", "5", {}), (0, "5", {}))
        self.assertEqual(self.acted("roll-back", "4", {"5": 0.1}), (0, "4", {}))
        self.assertEqual(self.acted("roll-back", "4", {}), (0, "4", {}))
        for version, weights in (("4", {"9": 0.1}), ("4", {"5": 0.1, "9": 0.1})):
            for job in ("promote", "roll-back"):
                self.assertEqual(self.acted(job, version, weights), (1, version, weights))
        self.assertEqual(self.acted("promote", "4", {}), (1, "4", {}))
        self.assertEqual(self.acted("roll-back", "5", {}), (1, "5", {}))

    def test_an_alias_that_cannot_be_read_or_set_fails_the_step(self):
        for job in ("promote", "roll-back"):
            (self.folder / "alias-us-east-2").unlink(missing_ok=True)
            done = self.step(job, job, REGION="us-east-2", VERSIONS=json.dumps(WAVE["regions"]), FUNCTION="payments", ALIAS="live")
            self.assertNotEqual(done.returncode, 0)
            (self.folder / "aws").write_text(FAKE_AWS.replace("exit 254", "exit 254; [[ $revision != r-1 ]]").replace('== "$revision"', "== other"))
            self.assertNotEqual(self.acted(job, "4", {"5": 0.1})[0], 0)
            (self.folder / "aws").write_text(FAKE_AWS)

    def test_another_binary_than_the_one_named_is_not_installed(self):
        (self.folder / "aws").write_text('#!/usr/bin/env bash\necho "a binary" >"${@: -1}"\n')
        digest = "4cbf4eef27bbd4eb3e1d7b2b9fbd4d1f8c4ac2fd7f5e3f9c2a3f6f1b5d2a1c00"
        self.assertNotEqual(self.step("judge", "install", BINARY="s3://bucket/transect", SHA256=digest).returncode, 0)

    def test_the_workflow_succeeds_only_after_a_promotion(self):
        for result, code in (("success", 0), ("failure", 1), ("skipped", 1), ("cancelled", 1), ("", 1)):
            self.assertEqual(self.step("conclude", "conclude", PROMOTED=result).returncode, code)
        jobs = self.workflow["jobs"]
        self.assertEqual(self.workflow["permissions"], {})
        self.assertEqual({name: job["permissions"] for name, job in jobs.items() if name != "comment"},
                         {name: {"id-token": "write"} for name in ("judge", "promote", "roll-back", "conclude")})
        self.assertEqual(jobs["comment"]["permissions"], {"pull-requests": "write"})


if __name__ == "__main__":
    unittest.main(verbosity=1)
