"""Runs `transect canary` in a Lambda function and acts on its exit code.

One file, three entry points:
  hook   CodeDeploy's AfterAllowTraffic: the last look at a shift      codedeploy-after-allow-traffic.yaml
  watch  every minute while CodeDeploy shifts: a metric for an alarm   codedeploy-after-allow-traffic.yaml
  wave   the steps of a state machine: shift, look, roll back, promote step-functions-wave.yaml

It refuses to take anything for a success but exit code 0 with a report that says PASS: not a run that was killed or ran out of
time, not an empty stdout, not an answer that lacks a region. It sets an alias back only in the regions that it is told, and never
touches an alias that somebody else has changed.

Package: a zip with this file and the binary `transect` (mode 755) beside it, or the binary in a layer as bin/transect. The runtime
python3.13 has glibc 2.34: build the binary where glibc is no newer. The runtime brings boto3; nothing else is needed.
"""

import json
import os
import shlex
import subprocess
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# What the exit codes of `transect canary` mean. Any other, and any signal, is BROKEN.
OUTCOMES = {0: "PASS", 1: "FAIL", 2: "REFUSED", 3: "INCOMPLETE", 4: "INCONCLUSIVE", 5: "NO_DATA", 6: "INVALID"}
# A state written by a run that could not see everything, or that broke, is not kept.
KEEPS_STATE = {"PASS", "PASS_OF_FEW", "FAIL", "INCONCLUSIVE", "NO_DATA", "INVALID"}
# What a policy may promote at the deadline. What nobody has seen is promoted by none.
UNDECIDED = {"PASS_OF_FEW", "INCONCLUSIVE"}
# Deployments that go back to a release that was there before. They are never judged: a comparison must not hold up its own remedy.
GOING_BACK = {"codeDeployRollback", "CloudFormationRollback"}
# Kept free of the function's time: to end a run, to store its state and to tell CodeDeploy.
RESERVE_SECONDS = 45
# More than this is no canary.
WEIGHT_MAX = 0.5
# A look of --watch that began before its deadline may end so much later.
LAST_LOOK_SECONDS = 60


@dataclass
class Look:
    outcome: str
    reason: str
    roll_back: list = field(default_factory=list)


def client(service, region=None):
    # Retries and timeouts bounded: a region that is down must not eat the time of the others.
    config = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
    return boto3.client(service, region_name=region, config=config)


def setting(name):
    return os.environ.get(name, "").strip()


# --- the run ---------------------------------------------------------------------------------------------------------------------


def run(arguments, seconds, regions=()):
    """Runs `transect canary` for at most `seconds` and reads what it says of these regions."""
    beside = Path(__file__).with_name("transect")
    binary = str(beside) if beside.exists() else "transect"
    command = [binary, "canary", "--format", "json", *arguments, *shlex.split(setting("CANARY_OPTIONS"))]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=max(seconds, 1), check=False)
    except subprocess.TimeoutExpired:
        return Look("BROKEN", f"transect was ended after {seconds:.0f} s without an answer")
    except OSError as error:
        return Look("BROKEN", f"transect did not start: {error}")
    talk = done.stderr.decode(errors="replace").strip()
    if talk:
        print(talk)
    return read(done.returncode, done.stdout, talk, regions)


def read(code, stdout, talk, regions=()):
    """What an exit code and a report say together. Where they differ, or the report is missing, the run counts as BROKEN."""
    try:
        report = json.loads(stdout)
    except ValueError:
        report = None
    report = report if isinstance(report, dict) else {}
    outcome = OUTCOMES.get(code, "BROKEN")
    reason = report.get("reason") or (talk.splitlines() or [""])[-1] or "no reason given"
    if outcome not in ("BROKEN", "REFUSED", "INCOMPLETE") and report.get("verdict") != outcome:
        return Look("BROKEN", f"exit code {code} without a report that says {outcome}: {reason}")
    if outcome == "BROKEN":
        return Look(outcome, f"exit code {code}: {reason}")
    if outcome in ("PASS", "INCONCLUSIVE") and (report.get("complete") is not True or report.get("hindered")):
        return Look("INCOMPLETE", f"something was not seen: {reason}")
    if outcome == "PASS" and report.get("observational") and (report.get("policy") or {}).get("slo") is None:
        return Look("INCONCLUSIVE", f"the releases never ran side by side, and no --slo was set: {reason}")
    few = uncovered(report, regions) if outcome == "PASS" else []
    if few:
        return Look("PASS_OF_FEW", f"too few requests of the canary in {', '.join(few)}: {reason}")
    return Look(outcome, reason, list(report.get("roll_back") or []) if outcome == "FAIL" else [])


def uncovered(report, regions):
    """Which of these regions have too few requests of the canary to pass, in any comparison. Traces that met both are of no region."""
    compared = [one for one in report.get("comparisons") or [] if one.get("metric") != "mixed traces"] or [report]
    said = [(row["region"], row["verdict"]) for one in compared for row in one.get("regions") or []]
    covered = {region for region, _ in said} - {region for region, verdict in said if verdict == "UNCOVERED"}
    return [region for region in regions if region not in covered]


def look(key, arguments, seconds, regions, keep=True):
    """A look with the state of the looks before. /tmp does not survive from call to call, so the state lies in S3 under `key`."""
    s3, bucket = client("s3"), setting("CANARY_STATE_BUCKET")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "canary.state")
        condition = {"IfNoneMatch": "*"}
        try:
            stored = s3.get_object(Bucket=bucket, Key=key)
            path.write_bytes(stored["Body"].read())
            condition = {"IfMatch": stored["ETag"]}
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
        found = run([*arguments, "--state", str(path)], seconds, regions)
        if keep and found.outcome in KEEPS_STATE and path.exists():
            try:
                s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), **condition)
            except ClientError as error:
                # Another look was faster; what it stored holds, and the next look goes on from there.
                if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
                    raise
                print(f"state {key} was written by another look meanwhile")
    print(json.dumps({"state": key, "outcome": found.outcome, "reason": found.reason, "roll_back": found.roll_back}))
    return found


def seconds_left(context):
    return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS


def minute(moment):
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- CodeDeploy ------------------------------------------------------------------------------------------------------------------


def goes_back(deployment):
    info = client("codedeploy").get_deployment(deploymentId=deployment)["deploymentInfo"]
    return info.get("creator") in GOING_BACK


def release_of(function, version):
    """What the lake calls a version: what its variable says, else the version itself."""
    variable = setting("CANARY_RELEASE_VARIABLE")
    if not variable:
        return version
    configuration = client("lambda").get_function_configuration(FunctionName=function, Qualifier=version)
    return configuration["Environment"]["Variables"][variable]


def shift_arguments(deployment):
    """What to ask about a deployment, or None while it shifts nothing yet.

    Both releases run side by side from the beginning of AllowTraffic on. Minutes in which only one of them ran weigh nothing.
    """
    codedeploy = client("codedeploy")
    # An AppSpec deploys one function.
    [target_id] = codedeploy.list_deployment_targets(deploymentId=deployment)["targetIds"]
    found = codedeploy.get_deployment_target(deploymentId=deployment, targetId=target_id)
    target = found["deploymentTarget"]["lambdaTarget"]
    begins = [event.get("startTime") for event in target["lifecycleEvents"] if event["lifecycleEventName"] == "AllowTraffic"]
    if not begins or begins[0] is None:
        return None
    info = target["lambdaFunctionInfo"]
    return [
        *("--service", setting("CANARY_SERVICE"), "--region", os.environ["AWS_REGION"], "--since", minute(begins[0])),
        *("--baseline", release_of(info["functionName"], info["currentVersion"])),
        *("--canary", release_of(info["functionName"], info["targetVersion"])),
    ]


def hook(event, context):
    """AfterAllowTraffic. Whatever happens, CodeDeploy is told; only what is good is told to be good."""
    deployment, status, reason = event["DeploymentId"], "Failed", ""
    try:
        if goes_back(deployment):
            status, reason = "Succeeded", "a rollback is not judged"
        else:
            found = last_look(deployment, context)
            reason = f"{found.outcome}: {found.reason}"
            by_policy = found.outcome in UNDECIDED and setting("CANARY_ON_INCONCLUSIVE") == "promote"
            status = "Succeeded" if found.outcome == "PASS" or by_policy else "Failed"
    except Exception as error:
        traceback.print_exc()
        reason = f"BROKEN: {error}"
    client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=deployment,
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=status,
    )
    print(json.dumps({"deployment": deployment, "status": status, "reason": reason}))
    return {"status": status, "reason": reason}


def last_look(deployment, context):
    arguments = shift_arguments(deployment)
    if arguments is None:
        return Look("NO_DATA", "no traffic was shifted")
    seconds = seconds_left(context)
    watch_for = f"{max(int(seconds) - LAST_LOOK_SECONDS, 1)}s"
    # What the minutes before found stays found, so their state is read; it is the watcher's, so it is not written.
    return look(deployment, [*arguments, "--watch", "--every", "1m", "--deadline", watch_for], seconds, [os.environ["AWS_REGION"]], keep=False)


def watch(_event, context):
    """One look at each deployment of the group that shifts traffic now. FAIL becomes a metric, and its alarm stops CodeDeploy."""
    application = setting("CANARY_APPLICATION")
    running = client("codedeploy").list_deployments(
        applicationName=application,
        deploymentGroupName=setting("CANARY_DEPLOYMENT_GROUP"),
        includeOnlyStatuses=["InProgress"],
    )
    seen = {}
    for deployment in running.get("deployments", []):
        arguments = None if goes_back(deployment) else shift_arguments(deployment)
        if arguments is None:
            continue
        found = look(deployment, arguments, seconds_left(context), [os.environ["AWS_REGION"]])
        seen[deployment] = found.outcome
        print(metric(application, deployment, found))
    return seen


def metric(application, deployment, found):
    """A line in the embedded metric format: CloudWatch makes the metric of it, and no permission to put metrics is needed."""
    definition = {"Namespace": "Transect/Canary", "Dimensions": [["Application"]], "Metrics": [{"Name": "Fail", "Unit": "Count"}]}
    line = {
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [definition]},
        "Application": application,
        "Fail": int(found.outcome == "FAIL"),
        "deployment": deployment,
        "outcome": found.outcome,
    }
    return json.dumps(line)


# --- a wave of regions -----------------------------------------------------------------------------------------------------------


def wave(event, context):
    return {"shift": shift, "look": look_at_wave, "roll_back": roll_back, "promote": promote}[event["step"]](event, context)


def next_step(outcome, expired, on_inconclusive):
    """The whole policy: what `transect rollout` does once a bake is over, where "page" is to hold. Nothing but PASS promotes, unless the
    policy says so after the deadline of what is undecided. A share that is off is looked at on: the canary may still turn out worse, and
    is set back then."""
    unseen = "roll_back" if on_inconclusive == "roll_back" else "page"
    if outcome == "PASS":
        return "promote"
    if outcome == "FAIL":
        return "roll_back"
    if outcome == "REFUSED":
        # Waiting would not help, and nobody watches the canary.
        return unseen
    if not expired:
        return "wait"
    if outcome in UNDECIDED and on_inconclusive == "promote":
        return "promote"
    return unseen


def alias_of(region):
    """The alias in a region: its client, its version, the weights beside it, and the revision that guards its next change."""
    functions = client("lambda", region)
    alias = functions.get_alias(FunctionName=setting("CANARY_FUNCTION"), Name=setting("CANARY_ALIAS"))
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return functions, alias["FunctionVersion"], weights, alias["RevisionId"]


def set_alias(functions, version, weights, revision):
    functions.update_alias(
        FunctionName=setting("CANARY_FUNCTION"),
        Name=setting("CANARY_ALIAS"),
        FunctionVersion=version,
        RoutingConfig={"AdditionalVersionWeights": weights},
        RevisionId=revision,
    )


def in_each(regions, change):
    """Changes every region, whichever fail: a region that is down must not keep the others from being rolled back."""
    failed = []
    for region in regions:
        try:
            change(region)
        except Exception as error:
            traceback.print_exc()
            failed.append(f"{region}: {error}")
    if failed:
        raise RuntimeError("; ".join(failed))


def shift(event, _context):
    """Gives the canary its share in every region of the wave, or in none."""
    asked = event["wave"]
    weight = float(asked["weight"])
    if not 0 < weight <= WEIGHT_MAX:
        raise ValueError(f"weight {weight} is not above 0 and up to {WEIGHT_MAX}")
    if not asked["regions"]:
        raise ValueError("a wave without regions")
    aliases = {}
    for region, canary in asked["regions"].items():
        functions, version, weights, revision = alias_of(region)
        if version == canary or set(weights) - {canary}:
            raise ValueError(f"{region}: the alias is at {version} with {weights} beside it: another shift has it, or none is due")
        aliases[region] = (functions, version, revision)
    done = []
    try:
        for region, (functions, version, revision) in aliases.items():
            set_alias(functions, version, {asked["regions"][region]: weight}, revision)
            done.append(region)
    except Exception:
        in_each(done, lambda region: take_back(region, asked["regions"][region]))
        raise
    # The minute of the change holds traffic from before it, and aliases take seconds to follow: whole minutes after it count,
    # or --weight would find a share that is off.
    begin = datetime.fromtimestamp((int(time.time()) // 60 + 2) * 60, UTC)
    return {"wave": asked, "since": minute(begin), "every_seconds": int(setting("CANARY_EVERY_SECONDS"))}


def look_at_wave(event, context):
    asked = event["wave"]
    regions = list(asked["regions"])
    arguments = [
        *("--service", setting("CANARY_SERVICE"), "--baseline", asked["baseline"], "--canary", asked["canary"]),
        *("--since", event["since"], "--weight", str(asked["weight"])),
        *(word for region in regions for word in ("--region", region)),
    ]
    found = look(event["execution"], arguments, seconds_left(context), regions)
    since = datetime.strptime(event["since"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    expired = datetime.now(UTC) >= since + timedelta(seconds=int(setting("CANARY_DEADLINE_SECONDS")))
    # FAIL names the regions to roll back. Where it names none, and with any other outcome, it is the whole wave.
    listed = [region for region in regions if region in found.roll_back] if found.roll_back else regions
    return {
        "outcome": found.outcome,
        "reason": found.reason,
        "step": next_step(found.outcome, expired, setting("CANARY_ON_INCONCLUSIVE")),
        "regions": listed,
    }


def refuse_others(version, weights, canary):
    if set(weights) != {canary}:
        raise ValueError(f"the alias is at {version} with {weights} beside it, not with version {canary}: left as it is")


def take_back(region, canary):
    functions, version, weights, revision = alias_of(region)
    if not weights and version != canary:
        return
    refuse_others(version, weights, canary)
    set_alias(functions, version, {}, revision)


def roll_back(event, _context):
    """Takes the canary's share away, in the regions listed and no others."""
    versions = event["wave"]["regions"]
    in_each(event["regions"], lambda region: take_back(region, versions[region]))
    return {"rolled_back": event["regions"]}


def promote(event, _context):
    """Gives the canary all traffic, in every region of the wave."""
    versions = event["wave"]["regions"]

    def to_canary(region):
        functions, version, weights, revision = alias_of(region)
        if version == versions[region] and not weights:
            return
        refuse_others(version, weights, versions[region])
        set_alias(functions, versions[region], {}, revision)

    in_each(versions, to_canary)
    return {"promoted": list(versions)}
