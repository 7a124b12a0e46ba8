"""Holds modules/plan to deploy/cfn/region.yaml: the same defaults and limits, and for the same values the same names, prefixes, policies,
settings, alarms and dashboard. It evaluates the template as CloudFormation would, as far as this template goes, and refuses what it does not
know.

Usage: equals_cloudformation.py, in any folder, with pyyaml and `terraform` on PATH. It reaches no network, and writes only into a temporary
folder. What modules/region adds by itself (versioning, public access, encryption) is not in the plan, and not compared here.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

TERRAFORM = Path(__file__).resolve().parents[1]
TEMPLATE = TERRAFORM.parent / "cfn/region.yaml"
ACCOUNT = "123456789012"
SUFFIX = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}
NO_VALUE = object()

# Parameters that are settings in other words, and those that Terraform has no use for: it publishes versions by itself.
ONLY_HERE = {"Revision", "Name"}
CODE = {"CodeBucketPrefix": "acme-code", "CodeKey": "transect-forwarder/1.4.2/00ff/transect-forwarder-x86_64.zip", "CodeSha256": "A" * 43 + "="}
REPLICA = {"ReplicaBucketArn": "arn:aws:s3:::elsewhere", "ReplicationRoleArn": f"arn:aws:iam::{ACCOUNT}:role/copy"}
# What an alarm has in the plan, and in the template.
ALARM = {"namespace": "Namespace", "metric": "MetricName", "statistic": "Statistic", "period": "Period", "periods": "EvaluationPeriods",
         "of_them": "DatapointsToAlarm", "comparison": "ComparisonOperator", "threshold": "Threshold", "missing": "TreatMissingData"}
# Region, partition, parameters as CloudFormation takes them.
CASES = {
    "defaults": ("us-east-2", "aws", {}),
    "everything differs": ("eu-west-2", "aws", REPLICA | {
        "Name": "acme-logs", "BucketName": "acme-of-london", "GlueDatabase": "acme", "Encryption": "kms", "LandingDays": "31", "ErrorsDays": "7",
        "FailedDays": "8", "RedrivenDays": "9", "NoncurrentDays": "3", "LogRetentionDays": "14", "ReplicaKeyArn": "arn:aws:kms:us-east-2:123456789012:key/1",
        "Architecture": "arm64", "CodeKey": "elsewhere/transect-forwarder-arm64.zip", "MemoryMib": "1024", "ReservedConcurrency": "0", "BufferMib": "64",
        "BufferSeconds": "60", "Redact": "off", "RedactKeys": "iban,tax_id", "RedactPatterns": "acme_[0-9]{8} corp-[0-9]{6}", "CorrelationKeys": "order", "ReleaseKeys": "build,commit", "MinSeverity": "warn",
        "SampleRate": "0.25", "MaxDecodedMib": "128", "ExcludedLogGroups": "/aws/cloudtrail/data,/noise", "OtherNames": "blue,green-2", "FilterPattern": '{ $.a = "b\\\\c" }',
        "AlarmTopic": "arn:aws:sns:eu-west-2:123456789012:on-call", "SilenceAlarm": "false", "Dashboard": "false"}),
    "groups": ("us-west-2", "aws", {
        "Subscribe": "groups", "LogGroups": "/aws/lambda/cart,/aws/lambda/payments", "FilterPattern": "ERROR", "AlarmTopic": "on-call"}),
    "replica without a key": ("us-west-2", "aws", REPLICA),
    "switched off": ("us-east-2", "aws", {"Enabled": "false", "ReservedConcurrency": "-1"}),
    "nothing subscribed": ("us-east-2", "aws", {"Subscribe": "none"}),
    "China": ("cn-north-1", "aws-cn", {"Encryption": "kms"}),
}


def construct(loader, suffix, node):
    value = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: lambda n: loader.construct_sequence(n, True),
             yaml.MappingNode: lambda n: loader.construct_mapping(n, True)}[type(node)](node)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


Loader.add_multi_constructor("!", construct)


class Stack:
    """The template with values for its parameters."""

    def __init__(self, template, region, partition, given):
        self.template = template
        self.values = {name: str(given.get(name, body.get("Default", ""))) for name, body in template["Parameters"].items()}
        name = self.values["Name"]
        self.values |= {"AWS::Region": region, "AWS::Partition": partition, "AWS::AccountId": ACCOUNT, "AWS::URLSuffix": SUFFIX[partition],
                        "AWS::NoValue": NO_VALUE}
        arn = f"arn:{partition}:{{}}:{region}:{ACCOUNT}:{{}}"
        bucket = self.values["BucketName"] or f"{name}-telemetry-{ACCOUNT}-{region}"
        # What CloudFormation would learn from AWS: all of it follows from names, except for the key.
        self.made = {
            "Bucket": bucket, "Bucket.Arn": f"arn:{partition}:s3:::{bucket}", "Key.Arn": "KEY", "Database": self.values["GlueDatabase"], "Table": "telemetry",
            "Stream": name, "Stream.Arn": arn.format("firehose", f"deliverystream/{name}"), "StreamLogGroup": f"/aws/kinesisfirehose/{name}",
            "StreamLogStream": "delivery", "ForwarderLogGroup": f"/aws/lambda/{name}-forwarder", "Forwarder": f"{name}-forwarder",
            "ForwarderLogGroup.Arn": arn.format("logs", f"log-group:/aws/lambda/{name}-forwarder:*"),
            "Live": arn.format("lambda", f"function:{name}-forwarder:live"),
            "StreamRole.Arn": "ROLE", "ForwarderRole.Arn": "ROLE", "ForwarderVersion.Version": "VERSION",
        }

    def name(self, name, more=()):
        for names in (dict(more), self.values, self.made):
            if name in names:
                value = names[name]
                is_list = self.template["Parameters"].get(name, {}).get("Type") == "CommaDelimitedList"
                return value.split(",") if is_list and name not in dict(more) else value
        raise SystemExit(f"equals_cloudformation.py: {name} is unknown")

    def resolve(self, value):
        if isinstance(value, list):
            return [found for found in (self.resolve(item) for item in value) if found is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (function, of), = value.items()
            if function in ("Ref", "Condition") or function.startswith("Fn::"):
                return self.call(function.removeprefix("Fn::"), of)
        return {key: found for key, item in value.items() if (found := self.resolve(item)) is not NO_VALUE}

    def call(self, function, of):
        if function == "Ref":
            return self.name(of)
        if function == "Condition":
            return self.condition(of)
        if function == "GetAtt":
            return self.name(of if isinstance(of, str) else ".".join(of))
        if function == "If":
            return self.resolve(of[1] if self.condition(of[0]) else of[2])
        if function == "Sub":
            text, more = (of, {}) if isinstance(of, str) else (of[0], self.resolve(of[1]))
            return re.sub(r"\$\{(!?)([^}]+)\}", lambda found: f"${{{found[2]}}}" if found[1] else str(self.name(found[2], more)), text)
        of = self.resolve(of)
        if function == "Join":
            return of[0].join(of[1])
        if function == "Split":
            return of[1].split(of[0])
        if function == "Select":
            return of[1][int(of[0])]
        if function == "Equals":
            return str(of[0]) == str(of[1])
        if function == "Not":
            return not of[0]
        if function == "And":
            return all(of)
        if function == "Or":
            return any(of)
        raise SystemExit(f"equals_cloudformation.py: Fn::{function} is unknown")

    def condition(self, name):
        return self.resolve(self.template["Conditions"][name])

    def resources(self, kind):
        """Those of a type that are made, by their logical names."""
        return {name: self.resolve(body["Properties"]) for name, body in self.template["Resources"].items()
                if body["Type"] == kind and ("Condition" not in body or self.condition(body["Condition"]))}


def setting(parameter):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", parameter).lower()


def settings(template, given):
    """What Terraform takes for the same."""
    values = {}
    for parameter, text in given.items():
        if parameter in ONLY_HERE:
            continue
        body = template["Parameters"][parameter]
        if body["Type"] == "Number":
            values[setting(parameter)] = json.loads(text)
        elif body.get("AllowedValues") == ["true", "false"]:
            values[setting(parameter)] = text == "true"
        elif body["Type"] == "CommaDelimitedList" or parameter.endswith(("Keys", "LogGroups")):
            values[setting(parameter)] = text.split(",")
        elif parameter.endswith("Patterns"):
            values[setting(parameter)] = text.split(" ")
        else:
            values[setting(parameter)] = text
    return values


def terraform(scratch, *arguments, stdin=None):
    environment = os.environ | {"TF_DATA_DIR": str(scratch / "data"), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    result = subprocess.run(["terraform", f"-chdir={TERRAFORM / 'modules/plan'}", *arguments], env=environment, input=stdin, capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"equals_cloudformation.py: terraform {arguments[0]}: {result.stdout}{result.stderr}")
    return result.stdout


def ask(scratch, expression, variables):
    """An expression of Terraform's, evaluated in modules/plan."""
    (scratch / "asked.tfvars.json").write_text(json.dumps(variables))
    answer = terraform(scratch, "console", f"-var-file={scratch / 'asked.tfvars.json'}", f"-state={scratch / 'none.tfstate'}",
                       stdin=f"jsonencode({expression})\n")
    return json.loads(json.loads(answer.strip().splitlines()[-1]))


def plain(value):
    """In one form: policies as JSON, actions and resources as sorted lists, numbers and booleans as text."""
    if isinstance(value, dict):
        found = {key: plain(item) for key, item in value.items() if item is not None}
        for key in ("Action", "Resource"):
            if key in found:
                found[key] = sorted([found[key]] if isinstance(found[key], str) else found[key])
        return found
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if value < 1e6 else str(value)
    return value


def dimensions_of(metric):
    return {part["Name"]: part["Value"] for part in metric["Dimensions"]} if "Dimensions" in metric else None


def query_of(one):
    """One of the metrics or expressions that an alarm is made of, in the words of modules/plan."""
    if "Expression" in one:
        return {"id": one["Id"], "expression": one["Expression"], "period": one.get("Period")}
    asked = one["MetricStat"]
    metric = asked["Metric"]
    return {"id": one["Id"], "namespace": metric["Namespace"], "metric": metric["MetricName"], "dimensions": dimensions_of(metric),
            "statistic": asked["Stat"], "period": asked["Period"]}


def of_template(stack):
    """What the template says, in the words of modules/plan."""
    def one(kind):
        return next(iter(stack.resources(kind).values()), None)

    bucket, stream, function, key = one("AWS::S3::Bucket"), one("AWS::KinesisFirehose::DeliveryStream"), one("AWS::Lambda::Function"), one("AWS::KMS::Key")
    target, table = stream["ExtendedS3DestinationConfiguration"], one("AWS::Glue::Table")["TableInput"]
    stored = table["StorageDescriptor"]
    rules = {rule.pop("Id"): rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    leftovers = rules.pop("leftovers")
    copies = bucket.get("ReplicationConfiguration")
    policy, invoke = one("AWS::Logs::AccountPolicy"), one("AWS::Lambda::EventInvokeConfig")
    permission, dashboard = one("AWS::Lambda::Permission"), one("AWS::CloudWatch::Dashboard")
    roles = stack.resources("AWS::IAM::Role")
    parquet = target["DataFormatConversionConfiguration"]["OutputFormatConfiguration"]["Serializer"]["ParquetSerDe"]

    def role(name):
        return {"assume": roles[name]["AssumeRolePolicyDocument"], "statements": roles[name]["Policies"][0]["PolicyDocument"]["Statement"]}

    return {
        "bucket": bucket["BucketName"],
        "encryption": bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"],
        "expirations": {name: {"prefix": rule["Prefix"], "days": rule["ExpirationInDays"]} for name, rule in rules.items()},
        "noncurrent": leftovers["NoncurrentVersionExpiration"]["NoncurrentDays"],
        "multipart": leftovers["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"],
        "bucket policy": one("AWS::S3::BucketPolicy")["PolicyDocument"],
        "replication": copies and {
            "role": copies["Role"],
            "rules": {rule["Id"]: {"priority": rule["Priority"], "prefix": rule["Filter"]["Prefix"]} for rule in copies["Rules"]},
            "to": sorted({rule["Destination"]["Bucket"] for rule in copies["Rules"]}),
            "keys": sorted({rule["Destination"].get("EncryptionConfiguration", {}).get("ReplicaKmsKeyID", "") for rule in copies["Rules"]}),
        },
        "key": key and {"description": key["Description"], "policy": key["KeyPolicy"]},
        "table": [one("AWS::Glue::Database")["DatabaseInput"]["Name"], table["Name"], table["Parameters"], table["PartitionKeys"],
                  stored["Location"], stored["Columns"]],
        "log groups": {name: [group["LogGroupName"], group["RetentionInDays"]] for name, group in stack.resources("AWS::Logs::LogGroup").items()},
        "stream": [stream["DeliveryStreamName"], target["Prefix"], target["ErrorOutputPrefix"], target["BufferingHints"], target["CompressionFormat"],
                   target["CloudWatchLoggingOptions"]["LogStreamName"], parquet["Compression"], parquet["BlockSizeBytes"]],
        "stream's role": role("StreamRole"),
        "forwarder": {name: function[name] for name in ("FunctionName", "Runtime", "Architectures", "Handler", "Code", "MemorySize", "Timeout")}
        | {"description": function["Description"].removesuffix(", revision 1"), "environment": function["Environment"]["Variables"],
           "reserved": function.get("ReservedConcurrentExecutions", "-1"), "alias": one("AWS::Lambda::Alias")["Name"]},
        "forwarder's role": role("ForwarderRole"),
        "on failure": [invoke["MaximumRetryAttempts"], invoke["MaximumEventAgeInSeconds"], invoke["Qualifier"]],
        "permission": [permission["Principal"], permission["SourceAccount"], permission["SourceArn"], permission["FunctionName"]],
        "policy": policy and [policy["PolicyName"], json.loads(policy["PolicyDocument"]), policy["SelectionCriteria"]],
        "groups": sorted([group["FilterName"], group["LogGroupName"], group["FilterPattern"], group["DestinationArn"]]
                         for group in stack.resources("AWS::Logs::SubscriptionFilter").values()),
        "alarms": {alarm["AlarmName"]: {ours: alarm.get(theirs) for ours, theirs in ALARM.items()}
                   | {"dimensions": dimensions_of(alarm), "queries": [query_of(one) for one in alarm.get("Metrics", [])], "actions": alarm["AlarmActions"]}
                   for alarm in stack.resources("AWS::CloudWatch::Alarm").values()},
        "dashboard": dashboard and [dashboard["DashboardName"], json.loads(dashboard["DashboardBody"])],
        "transect.toml": stack.resolve(stack.template["Outputs"]["TransectToml"]["Value"]),
    }


def of_plan(plan, toml):
    """What modules/plan says, in the same words."""
    bucket, glue, firehose, forwarder, subscription = (plan[part] for part in ("bucket", "glue", "firehose", "forwarder", "subscription"))
    copies, policy = bucket["replication"], subscription["policy"]

    def role(of):
        own = [{"Effect": "Allow", "Action": of["key_actions"], "Resource": ["KEY"], "Condition": {"StringLike": {"kms:ViaService": f"s3.{plan['region']}.*"}}}]
        return {"assume": json.loads(of["assume_role_policy"]), "statements": of["statements"] + (own if plan["key"] else [])}

    return {
        "bucket": bucket["name"],
        "encryption": "aws:kms" if plan["key"] else "AES256",
        "expirations": bucket["expirations"],
        "noncurrent": bucket["noncurrent_days"],
        "multipart": bucket["multipart_upload_days"],
        "bucket policy": json.loads(bucket["policy"]),
        "replication": copies and {"role": copies["role_arn"], "rules": copies["rules"], "to": [copies["bucket_arn"]],
                                   "keys": [copies["replica_key_arn"] or ""]},
        "key": plan["key"] and {"description": plan["key"]["description"], "policy": json.loads(plan["key"]["policy"])},
        "table": [glue["database"], glue["table"], glue["parameters"], [{"Name": name, "Type": "string"} for name in glue["partition_keys"]], glue["location"],
                  [{"Name": column["name"], "Type": column["type"]} for column in glue["columns"]]],
        "log groups": {"ForwarderLogGroup": [plan["log_groups"]["forwarder"], plan["log_groups"]["retention_days"]],
                       "StreamLogGroup": [plan["log_groups"]["stream"], plan["log_groups"]["retention_days"]]},
        "stream": [firehose["name"], firehose["prefix"], firehose["error_prefix"],
                   {"SizeInMBs": firehose["buffer_mib"], "IntervalInSeconds": firehose["buffer_seconds"]},
                   firehose["compression"], firehose["log_stream"], firehose["parquet_compression"], firehose["parquet_block_bytes"]],
        "stream's role": role(firehose),
        "forwarder": {"FunctionName": forwarder["function"], "Runtime": forwarder["runtime"], "Architectures": [forwarder["architecture"]],
                      "Handler": forwarder["handler"], "Code": {"S3Bucket": forwarder["code_bucket"], "S3Key": forwarder["code_key"]},
                      "MemorySize": forwarder["memory_mib"], "Timeout": forwarder["timeout_seconds"], "description": forwarder["description"],
                      "environment": forwarder["environment"], "reserved": forwarder["reserved_concurrency"], "alias": forwarder["alias"]},
        "forwarder's role": role(forwarder),
        "on failure": [forwarder["retries"], forwarder["event_age_max_seconds"], forwarder["alias"]],
        "permission": [subscription["principal"], plan["account_id"], subscription["source_arn"], forwarder["destination_arn"]],
        "policy": policy and [subscription["name"], json.loads(policy["document"]), policy["selection_criteria"]],
        "groups": sorted([subscription["name"], group, subscription["pattern"], forwarder["destination_arn"]] for group in subscription["groups"]),
        "alarms": {alarm["alarm_name"]: {name: alarm[name] for name in [*ALARM, "dimensions", "queries"]} | {"actions": plan["alarm_actions"]}
                   for alarm in plan["alarms"].values()},
        "dashboard": plan["dashboard"] and [plan["dashboard"]["name"], json.loads(plan["dashboard"]["body"])],
        "transect.toml": toml,
    }


def main(scratch):
    template = yaml.load(TEMPLATE.read_text(), Loader)
    terraform(scratch, "init", "-backend=false", "-input=false")
    failed = 0

    def check(name, of_cloudformation, of_terraform):
        nonlocal failed
        of_cloudformation, of_terraform = plain(of_cloudformation), plain(of_terraform)
        if of_cloudformation != of_terraform:
            failed += 1
            print(f"DIFFERENT {name}", f"CloudFormation {json.dumps(of_cloudformation, sort_keys=True)}",
                  f"Terraform      {json.dumps(of_terraform, sort_keys=True)}", sep="\n  ")
        return of_cloudformation == of_terraform

    base = {"account_id": ACCOUNT, "regions": {"us-east-2": settings(template, CODE)}}
    tables = ask(scratch, "{defaults = local.defaults, numbers = local.numbers, choices = local.choices, lengths = local.lengths}", base)
    parameters = {setting(name): body for name, body in template["Parameters"].items() if name not in ONLY_HERE}
    check("names of settings", sorted(parameters), sorted(tables["defaults"]))
    for name, body in parameters.items():
        default, ours = body.get("Default", ""), tables["defaults"].get(name)
        ours = "" if ours is None else ",".join(ours) if isinstance(ours, list) else ours
        check(f"default of {name}", str(default), str(plain(ours)))
        if body["Type"] == "Number" and "AllowedValues" not in body:
            limit = tables["numbers"].get(name, {})
            # Of a share CloudFormation can only say "from 0"; the forwarder wants more than that.
            least = body.get("MinValue", limit.get("min")) if name != "sample_rate" else limit.get("min")
            check(f"limits of {name}", [least, body.get("MaxValue", limit.get("max"))], [limit.get("min"), limit.get("max")])
        if "AllowedValues" in body:
            check(f"values of {name}", body["AllowedValues"], tables["choices"].get(name))
        if "MaxLength" in body and name in tables["lengths"]:
            check(f"length of {name}", body["MaxLength"], tables["lengths"][name]["max"])
    print(f"{len(parameters)} settings compared")

    for case, (region, partition, given) in CASES.items():
        stack = Stack(template, region, partition, CODE | given)
        wanted = of_template(stack)
        asked = {"name": stack.values["Name"], "account_id": ACCOUNT, "partition": partition, "regions": {region: settings(template, CODE | given)}}
        answer = ask(scratch, "{faults = local.faults, plan = local.regions, toml = local.transect_toml}", asked)
        check(f"{case}: faults", [], answer["faults"])
        found = of_plan(answer["plan"][region], answer["toml"])
        same = sum(check(f"{case}: {part}", wanted[part], found[part]) for part in wanted)
        print(f"{case}: {same} of {len(wanted)} parts are equal")
    print(f"{failed} differ")
    return failed


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(main(Path(folder)) > 0)
