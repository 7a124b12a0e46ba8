"""moto as an outside judge of the commands against AWS: `transect subscribe`, `backfill`, `tail`, `redrive`, `failed` and `doctor` run as
their users run them, in three regions; boto3 tells what became of AWS, and DuckDB what became of the lake.

Usage: moto_runs_the_aws_side.py TRANSECT WORK_FOLDER [PART…], where a part is the name of a function that `main` lists. The AWS CLI
(PyPI's awscli, beside the running Python or on PATH) runs the commands that `doctor` advises; without it they are not tried, which is
said.

Between the program and moto stands a door of ours. It notes every call, so that "changes nothing" is judged by what was asked for, and
it does what moto lacks: the account's subscription policy, a region that refuses, short pages, a clock that is off, a program that is
killed at a certain call. boto3 goes past it. Where moto does otherwise than AWS, that is asserted, so that the day it learns is noticed.
It refuses to take moto for AWS in any such place, and any network but loopback.
"""

import base64
import contextlib
import datetime
import gzip
import io
import itertools
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter, namedtuple
from pathlib import Path

import boto3
import duckdb
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.firehose.models import firehose_backends
from moto.moto_api._internal import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

TRANSECT, WORK = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()
REGIONS = ["us-east-2", "us-west-2", "eu-west-2"]
ACCOUNT, NAME = "123456789012", "transect"
OWN_GROUPS = ["/aws/lambda/transect-forwarder", "/aws/kinesisfirehose/transect"]
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
UTC = datetime.UTC
NOW = datetime.datetime.now(UTC)
KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
AWS_CLI = next((path for path in [shutil.which("aws", path=str(Path(sys.executable).parent)), shutil.which("aws")] if path), None)

passed = failed = 0


def check(name, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print("holds" if good else "DOES NOT HOLD", name, "" if good else detail, flush=True)


def same(name, found, expected):
    """Equal, or what differs: of sets and maps the difference alone."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = [key for key in {**expected, **found} if found.get(key, "-") != expected.get(key, "-")]
        detail = [f"{key}: {found.get(key, 'absent')!r}, not {expected.get(key, 'absent')!r}" for key in keys]
    elif isinstance(expected, set) and isinstance(found, set):
        detail = [f"missing {sorted(expected - found, key=str)[:5]}", f"strange {sorted(found - expected, key=str)[:5]}"]
    else:
        detail = [f"{found!r}, not {expected!r}"]
    check(name, found == expected, "; ".join(detail)[:3000])


def arn(region, function=f"{NAME}-forwarder:live"):
    return f"arn:aws:lambda:{region}:{ACCOUNT}:function:{function}"


def bucket_of(region, name=NAME):
    return f"{name}-telemetry-{ACCOUNT}-{region}"


def lake(name=NAME, folder=""):
    return [part for region in REGIONS for part in ("--lake", f"{region}=s3://{bucket_of(region, name)}{folder}")]


def regions(*names):
    return [part for region in names or REGIONS for part in ("--region", region)]


def rfc3339(milliseconds):
    return datetime.datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- moto, and the door before it ------------------------------------------------------------------------------------------------

Call = namedtuple("Call", "service region action detail")
READS = ("Describe", "Get", "List", "Filter", "StartLiveTail", "HEAD")


def is_write(call):
    return not call.action.startswith(READS)


class Keeper(MotoRequestHandler):
    """Dates answers, by a clock that may be off."""

    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() - getattr(self.server.app, "ahead_seconds", 0))


class Door:
    """What the program takes for AWS."""

    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.lock = threading.Lock()
        self.open()

    def open(self):
        """As at the beginning: nothing noted, nothing changed."""
        self.calls, self.policies = [], {region: {} for region in REGIONS}
        self.refused, self.denied, self.page_events, self.ahead_seconds = set(), set(), None, 0
        self.around = lambda call, proceed: proceed()

    def noted(self, *actions):
        return [call for call in self.calls if not actions or call.action in actions]

    def writes(self):
        return [call for call in self.calls if is_write(call)]

    def read(self, environ):
        """Which call it is; bodies of requests to S3 stay unread."""
        scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        region, service = scope.groups() if scope else ("", "")
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if service == "s3":
            copied = " from " + environ["HTTP_X_AMZ_COPY_SOURCE"] if "HTTP_X_AMZ_COPY_SOURCE" in environ else ""
            action = "Get" if method in ("GET", "HEAD") else ("Copy" if copied else method.capitalize())
            return Call(service, region, action, path + copied)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if target:
            body = json.loads(body or "{}")
            if target.endswith("FilterLogEvents") and self.page_events:
                body["limit"] = self.page_events
            environ["wsgi.input"] = io.BytesIO(json.dumps(body).encode())
            environ["CONTENT_LENGTH"] = str(len(json.dumps(body).encode()))
            return Call(service, region, target.split(".")[-1], body)
        environ["wsgi.input"] = io.BytesIO(body)
        if path.startswith("/service/"):
            return Call(service, region, path.rsplit("/", 1)[1], path)
        action = re.search(rb"Action=(\w+)", body)
        return Call(service, region, action[1].decode() if action else f"{method.capitalize()}:{path}", path)

    def __call__(self, environ, start_response):
        call = self.read(environ)
        with self.lock:
            self.calls.append(call)
        if call.region in self.refused:
            return self.refuse(call, start_response)
        if call.action in self.denied:
            fault = json.dumps({"__type": "AccessDeniedException", "message": f"not for {ACCOUNT}"}).encode()
            return self.answer(start_response, "400 Bad Request", "application/x-amz-json-1.1", fault)
        if call.action == "GetMetricData":
            # moto does not speak RPC v2 CBOR. Nothing was counted: {"MetricDataResults": []}.
            nothing = b"\xa1\x71MetricDataResults\x80"
            return self.answer(start_response, "200 OK", "application/cbor", nothing, ("smithy-protocol", "rpc-v2-cbor"))
        if call.action == "DescribeAccountPolicies":
            policies = list(self.policies[call.region].values())
            return self.answer(start_response, "200 OK", "application/x-amz-json-1.1", json.dumps({"accountPolicies": policies}).encode())
        if call.action == "PutAccountPolicy":
            return self.put_policy(call, start_response)

        answer = self.around(call, lambda: list(self.moto(environ, start_response)))
        return answer if answer is not None else self.answer(start_response, "503 Service Unavailable", "text/plain", b"")

    def answer(self, start_response, status, kind, body, *headers):
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *headers])
        return [body]

    def refuse(self, call, start_response):
        """As a region that the account has not enabled: it knows none of its credentials."""
        text = "The security token included in the request is invalid."
        if call.service in ("s3", "sts"):
            code = "InvalidAccessKeyId" if call.service == "s3" else "InvalidClientTokenId"
            fault = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
            fault = fault if call.service == "s3" else f"<ErrorResponse>{fault}<RequestId>1</RequestId></ErrorResponse>"
            return self.answer(start_response, "403 Forbidden", "text/xml", fault.encode())
        fault = json.dumps({"__type": "UnrecognizedClientException", "message": text}).encode()
        kind = ("x-amzn-ErrorType", "UnrecognizedClientException")
        return self.answer(start_response, "400 Bad Request" if call.service != "lambda" else "403 Forbidden", "application/x-amz-json-1.1", fault, kind)

    def put_policy(self, call, start_response):
        """PutAccountPolicy as its documentation has it: one subscription policy a region, the selection of one form and bounded."""
        wanted, held, kind = call.detail, self.policies[call.region], "application/x-amz-json-1.1"
        document = json.loads(wanted["policyDocument"])
        selection = wanted.get("selectionCriteria", "")
        fault = None
        if wanted["policyType"] != "SUBSCRIPTION_FILTER_POLICY" or wanted.get("scope", "ALL") != "ALL" or "DestinationArn" not in document:
            fault = "InvalidParameterException"
        if not re.fullmatch(r"LogGroupName NOT IN \[(\"[^\"]+\"(, ?\"[^\"]+\")*)\]", selection) or len(selection) > 25 << 10:
            fault = "InvalidParameterException"
        if held and wanted["policyName"] not in held:
            fault = "LimitExceededException"
        if fault:
            body = json.dumps({"__type": fault, "message": "no"}).encode()
            return self.answer(start_response, "400 Bad Request", kind, body)
        policy = {key: wanted.get(key) for key in ("policyName", "policyDocument", "policyType", "scope", "selectionCriteria")}
        policy |= {"accountId": ACCOUNT, "lastUpdatedTime": len(self.calls)}
        held[wanted["policyName"]] = policy
        return self.answer(start_response, "200 OK", kind, json.dumps({"accountPolicy": policy}).encode())


Answer = namedtuple("Answer", "code out err")


class Cloud:
    """Three regions of moto, the door before them, and the program before the door."""

    def __init__(self):
        self.door = Door()
        self.endpoint, self.plain = self.serve(self.door), self.serve(self.door.moto)
        self.folder = WORK / "moto_runs_the_aws_side"
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "tmp").mkdir(parents=True)
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "transect").symlink_to(TRANSECT)
        home = {"HOME": str(self.folder), "XDG_CACHE_HOME": str(self.folder / "cache"), "XDG_CONFIG_HOME": str(self.folder / "config")}
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        self.keyless = home | {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self.folder / "tmp"),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.environment = self.keyless | keys

    @staticmethod
    def serve(application):
        server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Keeper)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.port}"

    def begin(self):
        """An account in which there is nothing."""
        moto_api_backend.reset()
        self.door.open()

    def client(self, service, region, **options):
        config = Config(retries={"max_attempts": 0}, parameter_validation=False, **options)
        return boto3.client(service, region_name=region, endpoint_url=self.plain, config=config, **KEYS)

    def run(self, *arguments, environment=None):
        """The program, from beginning to end; what the door noted is what this run asked for."""
        self.door.calls = []
        ran = subprocess.run([TRANSECT, *arguments], cwd=self.folder, env=environment or self.environment, capture_output=True, text=True, timeout=300)
        return Answer(ran.returncode, ran.stdout, ran.stderr)

    def rows(self, *arguments, **options):
        """A run that answers in rows: they, and what stands beside them."""
        answer = self.run(*arguments, "--format", "json", **options)
        try:
            found = json.loads(answer.out)
        except ValueError:
            found = {"rows": [], "complete": None, "missing_regions": None}
        return answer, found["rows"], found

    def kill(self, number, is_counted, is_heard, *arguments):
        """A run that is killed at its so many-th call of those that count: before AWS hears of it, or when it is done. Whether it came
        so far."""
        started, seen, lock = threading.Event(), [], threading.Lock()

        def around(call, proceed):
            started.wait()
            with lock:
                if process.poll() is not None:
                    return None
                seen.extend([call] if is_counted(call) else [])
                is_last = is_counted(call) and len(seen) == number
                if is_last and not is_heard:
                    process.kill()
                    process.wait()
                    return None
                answer = proceed()
                if is_last:
                    process.kill()
                    process.wait()
                return answer

        self.door.around = around
        process = subprocess.Popen([TRANSECT, *arguments], cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.set()
        process.wait(timeout=300)
        self.door.around = lambda call, proceed: proceed()
        return process.returncode == -signal.SIGKILL

    # What there is to be found in AWS.

    def function(self, region, name, alias="live", **settings):
        """A function, published, and an alias of it."""
        functions = self.client("lambda", region)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr(zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0)), settings.pop("code", "one"))
        with contextlib.suppress(ClientError):
            self.client("iam", region).create_role(RoleName="function", AssumeRolePolicyDocument="{}")
        settings = {"Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 60} | settings
        made = functions.create_function(
            FunctionName=name, Role=f"arn:aws:iam::{ACCOUNT}:role/function", Code={"ZipFile": archive.getvalue()}, Publish=True, **settings
        )
        if alias:
            functions.create_alias(FunctionName=name, Name=alias, FunctionVersion="1")
        return made["CodeSha256"]

    def group(self, region, name, retention=None, filters=()):
        logs = self.client("logs", region)
        logs.create_log_group(logGroupName=name)
        if retention:
            logs.put_retention_policy(logGroupName=name, retentionInDays=retention)
        for filter_name, pattern, destination in filters:
            logs.put_subscription_filter(logGroupName=name, filterName=filter_name, filterPattern=pattern, destinationArn=destination)

    def groups(self, region):
        """Every log group: its retention and its filters, with the time at which each was made."""
        logs = self.client("logs", region)
        found = {}
        for page in logs.get_paginator("describe_log_groups").paginate():
            for group in page["logGroups"]:
                filters = logs.describe_subscription_filters(logGroupName=group["logGroupName"])["subscriptionFilters"]
                found[group["logGroupName"]] = (
                    group.get("retentionInDays"),
                    tuple((each["filterName"], each["filterPattern"], each["destinationArn"], each["creationTime"]) for each in filters),
                )
        return found

    def put_events(self, region, group, stream, events):
        logs = self.client("logs", region)
        with contextlib.suppress(ClientError):
            logs.create_log_group(logGroupName=group)
        with contextlib.suppress(ClientError):
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = sorted(events, key=lambda event: event[0])
        for start in range(0, len(events), 10_000):
            answer = logs.put_log_events(
                logGroupName=group,
                logStreamName=stream,
                logEvents=[{"timestamp": timestamp, "message": message} for timestamp, message in events[start : start + 10_000]],
            )
            assert "rejectedLogEventsInfo" not in answer, answer

    def events(self, region, group, since_ms, until_ms):
        """What boto3 reads of a group, from `since_ms` on and before `until_ms`."""
        pages = self.client("logs", region).get_paginator("filter_log_events")
        return [event for page in pages.paginate(logGroupName=group, startTime=since_ms, endTime=until_ms - 1) for event in page["events"]]

    def make_buckets(self, name=NAME, of=REGIONS):
        for region in of:
            self.client("s3", region).create_bucket(Bucket=bucket_of(region, name), CreateBucketConfiguration={"LocationConstraint": region})

    def put(self, region, key, body, name=NAME):
        self.client("s3", region).put_object(Bucket=bucket_of(region, name), Key=key, Body=body)

    def objects(self, region, name=NAME):
        """Every object of a region's bucket by key."""
        s3 = self.client("s3", region)
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket_of(region, name))
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: s3.get_object(Bucket=bucket_of(region, name), Key=key)["Body"].read() for key in keys}

    def landed(self, name=NAME, of=REGIONS, below=""):
        """Every row of the Parquet files in the buckets, as DuckDB reads them."""
        folder = self.folder / "landed"
        shutil.rmtree(folder, ignore_errors=True)
        count = 0
        for region in of:
            for key, body in self.objects(region, name).items():
                if key.startswith(f"{below}landing/") and key.endswith(".parquet"):
                    file = folder / region / key.removeprefix(below)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(body)
                    count += 1
        if not count:
            return []
        rows = duckdb.sql(f"""
            SELECT cloud_region, aws_log_group, aws_log_stream, event_id, signal, observed_time_unix_nano, time_unix_nano, body,
                   cloud_account_id, attributes, http_response_status_code, service_name, filename
            FROM read_parquet('{folder}/**/*.parquet', filename = true, hive_partitioning = false)""")
        return [dict(zip(rows.columns, row, strict=True)) for row in rows.fetchall()]


def identity(row):
    """The event that a row was made of."""
    return row["cloud_region"], row["aws_log_group"], row["aws_log_stream"], row["event_id"].split("/")[0]


def misplaced(rows):
    """Rows that lie under another region or hour than theirs."""
    found = []
    for row in rows:
        hour = datetime.datetime.fromtimestamp(row["observed_time_unix_nano"] // 1_000_000_000, UTC)
        if f"/landing/region={row['cloud_region']}/date={hour:%Y-%m-%d}/hour={hour:%H}/" not in row["filename"]:
            found.append((row["filename"], hour))
    return found


# --- Where moto is not AWS ---------------------------------------------------------------------------------------------------------


def fault_of(call):
    """The code with which a call is refused, if it is."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def moto_is_not_aws(cloud):
    """What follows is green where moto does less than AWS, or otherwise. The day it learns, a check here says so."""
    cloud.begin()
    region = REGIONS[0]
    logs, functions, streams = cloud.client("logs", region), cloud.client("lambda", region), cloud.client("firehose", region)
    policy = {"policyName": "p", "policyType": "SUBSCRIPTION_FILTER_POLICY", "policyDocument": "{}", "scope": "ALL"}
    same("moto lacks DescribeAccountPolicies", fault_of(lambda: logs.describe_account_policies(policyType="SUBSCRIPTION_FILTER_POLICY")), "500")
    same("moto lacks PutAccountPolicy", fault_of(lambda: logs.put_account_policy(**policy)), "500")

    def filtered(name, pattern="", of=region):
        return fault_of(lambda: logs.put_subscription_filter(logGroupName="/g", filterName=name, filterPattern=pattern, destinationArn=arn(of)))

    logs.create_log_group(logGroupName="/g", logGroupClass="INFREQUENT_ACCESS")
    same("moto keeps no class of a log group", logs.describe_log_groups()["logGroups"][0].get("logGroupClass"), None)
    same("moto, as AWS, wants the function of a filter to be there", filtered("one"), "InvalidParameterException")
    cloud.function(region, f"{NAME}-forwarder")
    same("moto asks for no permission to invoke it", filtered("one"), None)
    same("moto takes a function of another region", filtered("two", of=REGIONS[1]), None)
    same("moto, as AWS, refuses a third filter", filtered("three"), "LimitExceededException")
    same("moto refuses another pattern for one of two filters", filtered("one", "ERROR"), "LimitExceededException")
    same("moto takes any retention", fault_of(lambda: logs.put_retention_policy(logGroupName="/g", retentionInDays=8)), None)

    # Into log groups without filters alone: for others moto would look for containers to run their functions in.
    logs.create_log_group(logGroupName="/h")
    now_ms = int(NOW.timestamp() * 1000)
    for stream, timestamp in [("b", now_ms), ("a", now_ms - 1_000)]:
        cloud.put_events(region, "/h", stream, [(timestamp, "hello")])
    held = logs.filter_log_events(logGroupName="/h")["events"]
    check("moto's event ids are not CloudWatch's 56 digits", all(len(event["eventId"]) < 56 for event in held), held)
    same("moto tells events stream by stream, and not by time", [event["logStreamName"] for event in held], ["b", "a"])
    session = cloud.client("logs", region, inject_host_prefix=False).start_live_tail(logGroupIdentifiers=[f"arn:aws:logs:{region}:{ACCOUNT}:log-group:/g"])
    told = [(kind, len(each.get("sessionResults", []))) for part in session["responseStream"] for kind, each in part.items()]
    same(
        "moto's live tail tells what there was, and ends; and it is of the group that was made last, whichever is asked for",
        told,
        [("sessionStart", 0), ("sessionUpdate", 2)],
    )

    def invoked(retries):
        functions.put_function_event_invoke_config(FunctionName=f"{NAME}-forwarder", Qualifier="live", MaximumRetryAttempts=retries)
        return functions.get_function_event_invoke_config(FunctionName=f"{NAME}-forwarder", Qualifier="1")["MaximumRetryAttempts"]

    same("moto keeps how a function is invoked for no alias by itself", invoked(1), 1)
    same("moto does not replace how a function is invoked", invoked(2), 1)
    permission = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "logs.amazonaws.com"}
    functions.add_permission(FunctionName=f"{NAME}-forwarder", Qualifier="live", **permission)
    same(
        "moto takes a statement's name twice",
        fault_of(lambda: functions.add_permission(FunctionName=f"{NAME}-forwarder", Qualifier="live", **permission)),
        None,
    )
    policy = json.loads(functions.get_policy(FunctionName=f"{NAME}-forwarder", Qualifier="1")["Policy"])
    same("moto keeps permissions for no alias by itself", len(policy["Statement"]), 2)
    same(
        "moto converts nothing, and so takes 5 MiB of Parquet with GZIP around it",
        fault_of(
            lambda: streams.create_delivery_stream(
                DeliveryStreamName="s",
                ExtendedS3DestinationConfiguration=stream_settings(
                    region, BufferingHints={"SizeInMBs": 5, "IntervalInSeconds": 300}, CompressionFormat="GZIP"
                ),
            )
        ),
        None,
    )
    cloud.make_buckets(of=[region])
    streams.put_record(DeliveryStreamName="s", Record={"Data": b"{}"})
    same(
        "moto writes what it is given, and leaves `!{` in the key",
        [(key.split("!")[0], body) for key, body in cloud.objects(region).items()],
        [(f"landing/region={region}/date=", b"{}")],
    )
    streams.update_destination(
        DeliveryStreamName="s",
        CurrentDeliveryStreamVersionId="1",
        DestinationId="destinationId-000000000001",
        ExtendedS3DestinationUpdate={"CompressionFormat": "UNCOMPRESSED"},
    )
    plain = streams.describe_delivery_stream(DeliveryStreamName="s")["DeliveryStreamDescription"]["Destinations"][0]["S3DestinationDescription"]
    same("moto forgets the bucket of a stream's plain description when something else is changed", plain, {"CompressionFormat": "UNCOMPRESSED"})


def stream_settings(region, **settings):
    """The destination of a sound Firehose stream."""
    role = f"arn:aws:iam::{ACCOUNT}:role/firehose"
    return {
        "RoleARN": role,
        "BucketARN": f"arn:aws:s3:::{bucket_of(region)}",
        "Prefix": f"landing/region={region}/date=!{{timestamp:yyyy-MM-dd}}/hour=!{{timestamp:HH}}/",
        "ErrorOutputPrefix": f"errors/region={region}/!{{firehose:error-output-type}}/date=!{{timestamp:yyyy-MM-dd}}/hour=!{{timestamp:HH}}/",
        "BufferingHints": {"SizeInMBs": 128, "IntervalInSeconds": 300},
        "CompressionFormat": "UNCOMPRESSED",
        "CloudWatchLoggingOptions": {"Enabled": True, "LogGroupName": OWN_GROUPS[1], "LogStreamName": "delivery"},
        "DataFormatConversionConfiguration": {
            "Enabled": True,
            "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
            "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
            "SchemaConfiguration": {"DatabaseName": NAME, "TableName": "telemetry", "Region": region, "VersionId": "LATEST", "RoleARN": role},
        },
    } | settings


# --- subscribe ---------------------------------------------------------------------------------------------------------------------

FOREIGN = ("audit", "ERROR", "other")
PAGED = [f"/fill/{number:02}" for number in range(42)]


def subscribe_world(cloud):
    """Log groups as an account has them: ours, others', with filters of others and without, and more than a page in one region."""
    cloud.begin()
    for region in REGIONS:
        for function in (f"{NAME}-forwarder", "blue-forwarder", "other"):
            cloud.function(region, function)
        other = (FOREIGN[0], FOREIGN[1], arn(region, "other:live"))
        for name in (*OWN_GROUPS, "/aws/lambda/cart", "/ecs/shop", "/aws/lambda/pay-test"):
            cloud.group(region, name)
        cloud.group(region, "/aws/lambda/pay", retention=90)
        cloud.group(region, "/aws/lambda/audited", filters=[other])
        cloud.group(region, "/aws/lambda/full", filters=[other, ("metrics", "", arn(region, "other:live"))])
        cloud.group(region, "/aws/lambda/stale", filters=[(NAME, "ERROR", arn(region))])
        cloud.group(region, "/aws/lambda/elsewhere", filters=[(NAME, "", arn(region, "other:live"))])
        cloud.group(region, "/aws/lambda/by-hand", filters=[("mine", "", arn(region))])
    for name in PAGED:
        cloud.group(REGIONS[0], name, retention=30)


def timeless(groups):
    """Filters without the time at which they were made."""
    return {name: (retention, {each[0]: each[1:3] for each in filters}) for name, (retention, filters) in groups.items()}


def state_of(cloud):
    return {(region, name): value for region in REGIONS for name, value in cloud.groups(region).items()}


def column(rows, name):
    return {(row["cloud_region"], row["log_group"]): row[name] for row in rows}


def everywhere(groups, of=REGIONS):
    """What is said of a log group, in each region."""
    return {(region, name): value for region in of for name, value in groups.items()}


# How the groups stand before anything is done.
STATES = everywhere(
    {
        OWN_GROUPS[0]: "own",
        OWN_GROUPS[1]: "own",
        "/aws/lambda/cart": "missing",
        "/ecs/shop": "missing",
        "/aws/lambda/pay-test": "excluded",
        "/aws/lambda/pay": "missing",
        "/aws/lambda/audited": "missing",
        "/aws/lambda/full": "blocked",
        "/aws/lambda/stale": "differs",
        "/aws/lambda/elsewhere": "differs",
        "/aws/lambda/by-hand": "covered",
    }
) | {(REGIONS[0], name): "missing" for name in PAGED}
ACTIONS = {key: "put_filter" if state in ("missing", "differs", "blocked") else "none" for key, state in STATES.items()}


def subscribes(cloud):
    subscribe_world(cloud)
    subscribe_shows_a_plan(cloud)
    subscribe_applies_it(cloud)
    subscribe_puts_retention(cloud)
    subscribe_leaves_others_alone(cloud)
    subscribe_does_without_a_region(cloud)
    subscribe_puts_the_accounts_policy(cloud)


def subscribe_shows_a_plan(cloud):
    before = state_of(cloud)
    asked = ["subscribe", *regions(), "--exclude", "*-test"]
    answer, rows, whole = cloud.rows(*asked, "--plan")
    same("subscribe --plan: exit code", (answer.code, whole["complete"], whole["missing_regions"]), (0, True, []))
    same("subscribe --plan: every group of every page, and how it stands", column(rows, "state"), STATES)
    same("subscribe --plan: each group once", len(rows), len(STATES))
    same("subscribe --plan: what --apply would do", column(rows, "action"), ACTIONS)
    same(
        "subscribe --plan: retention and its cost",
        {key: (days, usd is None) for (key, days), usd in zip(column(rows, "retention_days").items(), column(rows, "monthly_usd").values(), strict=True)},
        {key: (value[0], value[0] is not None) for key, value in before.items()},
    )
    same("subscribe --plan: AWS is asked for nothing but reading", cloud.door.writes(), [])
    same("subscribe --plan: nothing is changed", state_of(cloud), before)
    some, of_some = ["subscribe", *regions(*REGIONS[1:]), "--exclude", "*-test"], [row for row in rows if row["cloud_region"] != REGIONS[0]]
    for name, more in [("without --plan", []), ("--apply --dry-run", ["--apply", "--dry-run"])]:
        again = cloud.rows(*some, *more)
        same(f"subscribe {name}: the plan, and nothing done", (again[0].code, again[1], cloud.door.writes()), (0, of_some, []))
    answer = cloud.run(*some)
    check("subscribe: a table", answer.code == 0 and all(name in answer.out for name in ("/aws/lambda/by-hand", *REGIONS[1:])), answer)
    check("subscribe: a line that sums it up", "22 log groups: " in answer.err and "--apply changes 14" in answer.err, answer.err)
    check(
        "subscribe says whose filters fill a group",
        all("audit" in row["detail"] and "metrics" in row["detail"] for row in rows if row["state"] == "blocked"),
        rows,
    )


def subscribe_applies_it(cloud):
    """What is possible is done, and what is not hinders nothing else."""
    before = state_of(cloud)
    asked = ["subscribe", *regions(), "--exclude", "*-test"]
    answer, rows, whole = cloud.rows(*asked, "--apply")
    same("subscribe --apply: exit code, for a group that is full", (answer.code, whole["complete"]), (3, True))
    ours = {NAME: ("", "arn")}
    audit = {FOREIGN[0]: (FOREIGN[1], "other")}
    expected = everywhere(
        {
            OWN_GROUPS[0]: {},
            OWN_GROUPS[1]: {},
            "/aws/lambda/cart": ours,
            "/ecs/shop": ours,
            "/aws/lambda/pay-test": {},
            "/aws/lambda/pay": ours,
            "/aws/lambda/audited": audit | ours,
            "/aws/lambda/full": audit | {"metrics": ("", "other")},
            "/aws/lambda/stale": ours,
            "/aws/lambda/elsewhere": ours,
            "/aws/lambda/by-hand": {"mine": ("", "arn")},
        }
    ) | {(REGIONS[0], name): ours for name in PAGED}
    targets = {"arn": f"{NAME}-forwarder:live", "other": "other:live"}
    expected = {
        key: (before[key][0], {name: (pattern, arn(key[0], targets[target])) for name, (pattern, target) in filters.items()})
        for key, filters in expected.items()
    }
    after = state_of(cloud)
    same("subscribe --apply: the filters that AWS has", timeless(after), expected)
    puts = Counter((call.region, call.detail["logGroupName"]) for call in cloud.door.noted("PutSubscriptionFilter"))
    same("subscribe --apply: each filter is put once", puts, Counter(key for key, action in ACTIONS.items() if action == "put_filter"))
    same(
        "subscribe --apply: nothing else is put", Counter(call.action for call in cloud.door.writes()), Counter({"PutSubscriptionFilter": sum(puts.values())})
    )
    done = {key: "blocked" if state == "blocked" else "covered" if state in ("missing", "differs") else state for key, state in STATES.items()}
    same("subscribe --apply: how every group stands", column(rows, "state"), done)
    blocked = [row for row in rows if row["state"] == "blocked"]
    check(
        "subscribe --apply: why a full group is not subscribed",
        all("LimitExceeded" in row["detail"] and "audit" in row["detail"] and row["action"] == "put_filter" for row in blocked),
        blocked,
    )
    same(
        "subscribe --apply: a filter of others is the one that it was",
        [filters for (_, name), (_, filters) in after.items() if name == "/aws/lambda/full"],
        [filters for (_, name), (_, filters) in before.items() if name == "/aws/lambda/full"],
    )

    answer, rows, _ = cloud.rows(*asked, "--exclude", "*/full", "--apply")
    same("subscribe --apply again: nothing to do", (answer.code, set(column(rows, "action").values())), (0, {"none"}))
    same("subscribe --apply again: nothing is put", cloud.door.writes(), [])
    same("subscribe --apply again: nothing is changed, not even a filter's time", state_of(cloud), after)
    answer, again, _ = cloud.rows(*asked, "--exclude", "*/full", "--apply")
    same("subscribe --apply a third time: the same rows", (answer.code, again), (0, rows))


def subscribe_puts_retention(cloud):
    # The many groups take their time.
    for name in PAGED:
        cloud.client("logs", REGIONS[0]).delete_log_group(logGroupName=name)
    before = state_of(cloud)
    asked = ["subscribe", *regions(), "--exclude", "*-test"]
    answer = cloud.run(*asked, "--retention", "8", "--apply")
    same("subscribe --retention 8: refused before anything is asked", (answer.code, cloud.door.calls), (2, []))
    asked += ["--exclude", "*/full", "--retention", "30"]
    answer, rows, _ = cloud.rows(*asked)
    endless = {key for key, (days, _) in before.items() if days is None}
    wished = {key for key in endless if STATES[key] not in ("own", "excluded") and key[1] != "/aws/lambda/full"}
    same(
        "subscribe --retention --plan: for groups that never expire",
        {key for key, action in column(rows, "action").items() if action == "put_retention"},
        wished,
    )
    answer, rows, _ = cloud.rows(*asked, "--apply")
    same("subscribe --retention --apply: exit code", answer.code, 0)
    same(
        "subscribe --retention --apply: what AWS has",
        {key: value[0] for key, value in state_of(cloud).items()},
        {key: 30 if key in wished else days for key, (days, _) in before.items()},
    )
    same(
        "subscribe --retention --apply: what the rows say",
        {key for key, days in column(rows, "retention_days").items() if days == 30 and key in wished},
        wished,
    )
    answer, rows, _ = cloud.rows(*asked, "--apply")
    same("subscribe --retention --apply again: nothing is put", (answer.code, set(column(rows, "action").values()), cloud.door.writes()), (0, {"none"}, []))
    cloud.group(REGIONS[1], "/aws/lambda/new")
    answer, rows, _ = cloud.rows(*asked, "--apply")
    same(
        "subscribe --retention --apply: a new group gets both",
        (answer.code, timeless(cloud.groups(REGIONS[1]))["/aws/lambda/new"]),
        (0, (30, {NAME: ("", arn(REGIONS[1]))})),
    )
    same(
        "subscribe --retention --apply: in its region alone",
        [(call.region, call.action) for call in cloud.door.writes()],
        [(REGIONS[1], "PutSubscriptionFilter"), (REGIONS[1], "PutRetentionPolicy")],
    )


def subscribe_leaves_others_alone(cloud):
    """Another deployment beside the first, some of its groups, another pattern; and the pipeline's own groups."""
    before = timeless(state_of(cloud))
    chosen = ["--name", "blue", "--match", "/ecs/*", "--match", "/aws/lambda/c?rt", "--exclude", "/aws/lambda/cart", "--filter", '{ $.level = "ERROR" }']
    answer, rows, _ = cloud.rows("subscribe", *regions(), *chosen, "--apply")
    own = {"/ecs/shop": before[(REGIONS[0], "/ecs/shop")][1]}
    changed = {
        (region, "/ecs/shop"): (30, {NAME: ("", arn(region)), "blue": ('{ $.level = "ERROR" }', arn(region, "blue-forwarder:live"))}) for region in REGIONS
    }
    check("subscribe --name: the other deployment's filters were there", own["/ecs/shop"] == {NAME: ("", arn(REGIONS[0]))}, own)
    same("subscribe --match --exclude --filter --name: what AWS has", (answer.code, timeless(state_of(cloud))), (0, before | changed))
    answer, rows, _ = cloud.rows("subscribe", *regions(), *chosen, "--apply")
    same(
        "subscribe --match …, again: nothing is put",
        (answer.code, cloud.door.writes(), {row["state"] for row in rows if row["log_group"] == "/ecs/shop"}),
        (0, [], {"covered"}),
    )
    answer, rows, _ = cloud.rows("subscribe", *regions(REGIONS[2]), "--match", "/ecs/*", "--destination", arn(REGIONS[2], "other:live"), "--name", "blue")
    same(
        "subscribe --destination: compared with what is there",
        [(row["log_group"], row["state"], row["action"]) for row in rows if row["state"] not in ("excluded", "own")],
        [("/ecs/shop", "differs", "put_filter")],
    )

    cloud.client("logs", REGIONS[0]).put_subscription_filter(logGroupName=OWN_GROUPS[0], filterName="loop", filterPattern="", destinationArn=arn(REGIONS[0]))
    answer, rows, _ = cloud.rows("subscribe", *regions(REGIONS[0]), "--match", "*forwarder", "--apply")
    row = next(row for row in rows if row["log_group"] == OWN_GROUPS[0])
    check(
        "subscribe: a loop is told, and left to its owner",
        row["state"] == "own" and "loop" in row["detail"] and not cloud.door.writes(),
        (row, cloud.door.writes()),
    )


def subscribe_does_without_a_region(cloud):
    """One that refuses, and one without a forwarder."""
    cloud.door.refused = {REGIONS[0]}
    asked = ["subscribe", *regions(), "--exclude", "*/full", "--exclude", "*-test"]
    answer, rows, whole = cloud.rows(*asked, "--apply")
    same(
        "subscribe: without a region that refuses",
        (answer.code, whole["complete"], whole["missing_regions"], sorted({row["cloud_region"] for row in rows})),
        (3, False, [REGIONS[0]], sorted(REGIONS[1:])),
    )
    check("subscribe: why it is without it", REGIONS[0] in answer.err and "UnrecognizedClient" in answer.err and ACCOUNT not in answer.err, answer.err)
    cloud.door.refused = set()
    cloud.client("lambda", REGIONS[2]).delete_function(FunctionName="blue-forwarder")
    blue = ["subscribe", "--name", "blue", *regions(*REGIONS[1:]), "--match", "/aws/lambda/cart", "--apply"]
    answer, rows, _ = cloud.rows(*blue)
    found = {row["cloud_region"]: (row["state"], row["action"]) for row in rows if row["log_group"] == "/aws/lambda/cart"}
    same(
        "subscribe: where the forwarder is missing, and where it is not",
        (answer.code, found),
        (3, {REGIONS[1]: ("covered", "none"), REGIONS[2]: ("blocked", "put_filter")}),
    )
    check("subscribe: why there", "InvalidParameter" in next(row["detail"] for row in rows if row["state"] == "blocked"), rows)


def subscribe_puts_the_accounts_policy(cloud):
    """By our door, which keeps it."""
    answer = cloud.run("subscribe", *regions(), "--policy", "account", "--match", "/ecs/*")
    same("subscribe --policy account --match: refused before anything is asked", (answer.code, cloud.door.calls), (2, []))
    before = state_of(cloud)
    asked = ["subscribe", *regions(*REGIONS[1:]), "--policy", "account", "--exclude", "*-test", "--filter", "ERROR"]
    answer, rows, _ = cloud.rows(*asked)
    same(
        "subscribe --policy account: a row of its own",
        {(row["cloud_region"], row["state"], row["action"]) for row in rows if row["log_group"] == "*"},
        {(region, "missing", "put_policy") for region in REGIONS[1:]},
    )
    same(
        "subscribe --policy account --plan: nothing is put",
        (answer.code, cloud.door.writes(), cloud.door.policies),
        (0, [], {region: {} for region in REGIONS}),
    )
    answer, rows, _ = cloud.rows(*asked, "--apply")
    held = {
        region: [(each["policyName"], json.loads(each["policyDocument"]), each["selectionCriteria"]) for each in cloud.door.policies[region].values()]
        for region in REGIONS
    }
    # Of the other deployment too: each would feed the other for ever.
    of_blue = ["/aws/kinesisfirehose/blue", "/aws/lambda/blue-forwarder"]
    selection = "LogGroupName NOT IN " + json.dumps([*OWN_GROUPS, *of_blue, "/aws/lambda/pay-test"])
    same(
        "subscribe --policy account --apply: the policy",
        (
            answer.code,
            {region: [(name, document, json.loads(text.split("IN ")[1])) for name, document, text in policies] for region, policies in held.items()},
        ),
        (
            0,
            {
                region: [(NAME, {"DestinationArn": arn(region), "FilterPattern": "ERROR", "Distribution": "Random"}, json.loads(selection.split("IN ")[1]))]
                if region != REGIONS[0]
                else []
                for region in REGIONS
            },
        ),
    )
    same("subscribe --policy account --apply: no filter is touched", state_of(cloud), before)
    answer, rows, _ = cloud.rows(*asked, "--apply")
    same(
        "subscribe --policy account --apply again: nothing is put",
        (answer.code, cloud.door.writes(), set(column(rows, "action").values())),
        (0, [], {"none"}),
    )
    check("subscribe: by policy and by filter is twice", all("twice" in row["detail"] for row in rows if row["log_group"] == "/aws/lambda/pay"), rows)
    answer, rows, _ = cloud.rows("subscribe", *regions(*REGIONS[1:]), "--policy", "account", "--exclude", "*-test", "--exclude", "/ecs/*", "--apply")
    same(
        "subscribe --policy account: another wish replaces it",
        (answer.code, [(call.action, "ecs" in call.detail["selectionCriteria"]) for call in cloud.door.writes()]),
        (0, [("PutAccountPolicy", True)] * 2),
    )
    answer, rows, _ = cloud.rows("subscribe", "--name", "blue", *regions(REGIONS[1]), "--policy", "account", "--apply")
    row = next(row for row in rows if row["log_group"] == "*")
    check(
        "subscribe --policy account: another's policy is left",
        row["state"] == "blocked" and row["action"] == "none" and NAME in row["detail"] and not cloud.door.writes(),
        (answer, row),
    )


# --- backfill ----------------------------------------------------------------------------------------------------------------------

# The first hour of what is read, in milliseconds: 30 h ago, so that the range has two days or three.
BEGIN_MS = int(NOW.replace(minute=0, second=0, microsecond=0).timestamp() * 1000) - 30 * HOUR_MS
END_MS = BEGIN_MS + 28 * HOUR_MS
SECRET = "AKIAIOSFODNN7EXAMPLE"
STREAMS = ["2026/11/21/[7]0123456789abcdef0123456789abcdef", "2026/11/21/[$LATEST]fedcba9876543210fedcba9876543210"]
PLAIN = ["plain text", "tab\there, and a\nsecond line", "naïve café — 東京 🚚", '"quoted \\ backslash', "x" * 200_000]
METRICS = json.dumps(
    {
        "_aws": {
            "Timestamp": BEGIN_MS,
            "CloudWatchMetrics": [{"Namespace": "shop", "Dimensions": [["service"]], "Metrics": [{"Name": "sold"}, {"Name": "paid"}]}],
        },
        "service": "cart",
        "sold": 3,
        "paid": [1.5, 2.5],
    }
)


def backfill_world(cloud):
    """Events of 30 h in three regions: of every shape, at the edges of the range, of days and of hours, and some that are not asked for."""
    cloud.begin()
    cloud.make_buckets()
    day_ms = (BEGIN_MS // DAY_MS + 1) * DAY_MS
    edges = [
        (BEGIN_MS, "the first"),
        (BEGIN_MS - 1, "before"),
        (END_MS - 1, "the last"),
        (END_MS, "after"),
        (day_ms - 1, "day's end"),
        (day_ms, "day's begin"),
    ]
    for number, region in enumerate(REGIONS):
        shapes = [
            f"START RequestId: 8f5b6c7d-0000-4000-8000-{number:012} Version: 7",
            "END RequestId: 8f5b6c7d-0000-4000-8000-000000000000",
            json.dumps({"level": "ERROR", "message": "card refused", "service": "payments", "timestamp": rfc3339(BEGIN_MS)}),
            METRICS,
            f"key {SECRET}",
            *PLAIN,
        ]
        for stream in STREAMS:
            cloud.put_events(region, "/aws/lambda/pay", stream, edges + [(BEGIN_MS + HOUR_MS * hour + 7 * hour, f"hour {hour}") for hour in range(28)])
        cloud.put_events(region, "/aws/lambda/cart", STREAMS[0], [(BEGIN_MS + 5_000 * index, shape) for index, shape in enumerate(shapes)])
        # The same line of the same moment, twice: two events.
        cloud.put_events(region, "/ecs/shop", "shop/1", [(BEGIN_MS + 60_000, "again")] * 2 + [(BEGIN_MS + 60_000, f"{region} alone")])
        cloud.put_events(region, OWN_GROUPS[0], STREAMS[0], [(BEGIN_MS, "the forwarder's own")])
        cloud.put_events(region, OWN_GROUPS[1], "delivery", [(BEGIN_MS, "the stream's own")])
        cloud.put_events(region, "/other/group", "s", [(BEGIN_MS, "of another group")])
    # More than a page, of 10,000 events.
    cloud.put_events(REGIONS[0], "/aws/lambda/busy", STREAMS[0], [(BEGIN_MS + HOUR_MS + index, f"busy {index}") for index in range(10_050)])


def events_of(cloud, since_ms, until_ms, groups=("/aws/lambda/pay", "/aws/lambda/cart", "/ecs/shop", "/aws/lambda/busy"), of=REGIONS):
    """What boto3 reads, by region, group, stream and id."""
    return {
        (region, group, event["logStreamName"], event["eventId"]): event
        for region in of
        for group in groups
        if not (group == "/aws/lambda/busy" and region != REGIONS[0])
        for event in cloud.events(region, group, since_ms, until_ms)
    }


def everything(cloud, name=NAME, of=REGIONS):
    return {(region, key): body for region in of for key, body in cloud.objects(region, name).items()}


def holds_exactly(name, rows, events):
    """Rows that are those of the events: each event, each once, in its place."""
    same(f"{name}: DuckDB reads exactly the events that boto3 reads", {identity(row) for row in rows}, set(events))
    same(f"{name}: no row twice", len({(*identity(row)[:3], row["event_id"]) for row in rows}), len(rows))
    same(f"{name}: under the region and hour in which it was observed", misplaced(rows), [])
    whole = [row for row in rows if "/" not in row["event_id"]]
    same(
        f"{name}: CloudWatch's time",
        {identity(row): row["observed_time_unix_nano"] for row in whole},
        {key: event["timestamp"] * 1_000_000 for key, event in events.items()},
    )
    plain = {key: event["message"] for key, event in events.items() if event["message"] in PLAIN or event["message"].startswith(("hour", "busy", "again"))}
    same(f"{name}: the message, to the letter", {identity(row): row["body"] for row in whole if identity(row) in plain}, plain)
    same(f"{name}: the account", {row["cloud_account_id"] for row in rows}, {ACCOUNT})


GROUPS = ["--group", "/aws/lambda/*", "--group", "/ecs/s?op"]
ASKED = [*GROUPS, "--since", rfc3339(BEGIN_MS), "--until", rfc3339(END_MS), "--rate", "100", "--format", "json"]
# Windows of a day, of each of ten groups.
WINDOWS = 10 * ((END_MS - 1) // DAY_MS - BEGIN_MS // DAY_MS + 1)


def backfills(cloud):
    backfill_world(cloud)
    events = events_of(cloud, BEGIN_MS, END_MS)
    assert len(events) == 10_050 + 3 * (2 * 32 + 10 + 3), len(events)
    backfill_refuses(cloud)
    first, rows = backfill_brings_everything(cloud, events)
    backfill_and_forwarder_count_once(cloud, events, rows)
    backfill_goes_on_from_its_state(cloud, first)
    backfill_is_killed(cloud, first)
    backfill_reads_short_pages(cloud, events, rows)
    backfill_does_without_a_region(cloud, first)


def backfill_refuses(cloud):
    for name, arguments, code in [
        ("without --since", ["--group", "*"], 2),
        ("--rate 0", [*ASKED, "--rate", "0"], 2),
        ("--dry-run", [*ASKED, "--dry-run"], 0),
    ]:
        answer = cloud.run("backfill", *lake(), *[each for each in arguments if each != "--format" and each != "json"])
        same(
            f"backfill {name}: exit code, and nothing read or written",
            (answer.code, [call for call in cloud.door.calls if call.service != "sts"]),
            (code, []),
        )
    answer = cloud.run("backfill", *lake(), "--group", "/nobody", *ASKED[4:])
    same("backfill of a group that is not there", (answer.code, cloud.door.noted("FilterLogEvents")), (5, []))


def backfill_brings_everything(cloud, events):
    answer = cloud.run("backfill", *lake(), *ASKED)
    same("backfill: exit code", answer.code, 0)
    found = json.loads(answer.out or "{}")
    rows = cloud.landed()
    counted = {
        "groups": 10,
        "windows": WINDOWS,
        "windows_done_before": 0,
        "events": len(events),
        "records": len(rows),
        "complete": True,
        "missing_regions": [],
    }
    same("backfill: what it says that it brought", {key: found.get(key) for key in counted}, counted)
    first = everything(cloud)
    same("backfill: files and bytes", (found.get("files"), found.get("bytes_written")), (len(first), sum(map(len, first.values()))))
    holds_exactly("backfill", rows, events)
    same("backfill: a metric a sample, beside its line", Counter(row["signal"] for row in rows), Counter(log=len(events), metric=9))
    paged = [call.detail for call in cloud.door.noted("FilterLogEvents") if call.detail["logGroupName"] == "/aws/lambda/busy" and "nextToken" in call.detail]
    check("backfill: a group of more than a page is read to its end", len(paged) == 1, paged)
    same(
        "backfill: neither groups of the pipeline nor others are read",
        {call.detail["logGroupName"] for call in cloud.door.noted("FilterLogEvents")},
        {"/aws/lambda/pay", "/aws/lambda/cart", "/ecs/shop", "/aws/lambda/busy"},
    )
    same("backfill: AWS is asked for nothing else but reading", {call.service for call in cloud.door.writes()}, {"s3"})
    check(
        "backfill: secrets are redacted",
        not any(SECRET in (row["body"] or "") for row in rows) and sum("[redacted" in (row["body"] or "") for row in rows) == 3,
    )

    answer = cloud.run("backfill", *lake(), *ASKED)
    same("backfill again: the same objects, to the byte", (answer.code, everything(cloud)), (0, first))
    same("backfill again: the same numbers", json.loads(answer.out or "{}"), found)
    return first, rows


def counted_by_transect(cloud, table):
    answer, rows, _ = cloud.rows("sql", *lake(), f"SELECT cloud_region, count(*) AS n FROM {table} GROUP BY 1")
    assert answer.code == 0, answer
    return {row["cloud_region"]: row["n"] for row in rows}


def backfill_and_forwarder_count_once(cloud, events, rows):
    logs = dict(Counter(row["cloud_region"] for row in rows if row["signal"] == "log"))
    same("backfill: `transect sql` counts the same", counted_by_transect(cloud, "logs"), logs)
    payloads = cloud.folder / "payloads"
    for region in REGIONS:
        (payloads / region).mkdir(parents=True)
        for group, stream in {key[1:3] for key in events if key[0] == region}:
            document = {
                "messageType": "DATA_MESSAGE",
                "owner": ACCOUNT,
                "logGroup": group,
                "logStream": stream,
                "subscriptionFilters": [NAME],
                "logEvents": [
                    {"id": key[3], "timestamp": event["timestamp"], "message": event["message"]}
                    for key, event in events.items()
                    if key[:3] == (region, group, stream)
                ],
            }
            file = payloads / region / f"{group}{stream}.json".replace("/", "_")
            file.write_text(json.dumps({"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(document).encode(), mtime=0)).decode()}}))
    (cloud.folder / "forwarded").mkdir()
    answer = cloud.run("ingest", "--lake", "forwarded", *map(str, sorted(payloads.rglob("*.json"))))
    same("the forwarder's payloads are read", answer.code, 0)
    for file in (cloud.folder / "forwarded").rglob("*.parquet"):
        key = str(file.relative_to(cloud.folder / "forwarded"))
        cloud.put(key.split("region=")[1].split("/")[0], key, file.read_bytes())
    same(
        "what was forwarded and brought again lies there twice",
        counted_by_transect(cloud, "telemetry"),
        {region: 2 * sum(row["cloud_region"] == region for row in rows) for region in REGIONS},
    )
    same("what was forwarded and brought again counts once", counted_by_transect(cloud, "logs"), logs)


def backfill_goes_on_from_its_state(cloud, first):
    cloud.make_buckets("state")
    stated = ["backfill", *lake("state"), *ASKED, "--state", "pay.backfill"]
    answer = cloud.run(*stated)
    same("backfill --state: the objects that it brings without", (answer.code, everything(cloud, "state")), (0, first))
    state = (cloud.folder / "pay.backfill").read_text()
    answer = cloud.run(*stated)
    again = json.loads(answer.out or "{}")
    same(
        "backfill --state again: all was done before",
        (answer.code, again.get("windows"), again.get("windows_done_before"), again.get("events")),
        (0, 0, WINDOWS, 0),
    )
    same("backfill --state again: nothing is read and nothing written", (cloud.door.noted("FilterLogEvents"), cloud.door.writes()), ([], []))
    lines = state.splitlines(keepends=True)
    same("backfill --state: a line a window", len(lines), 1 + WINDOWS)
    (cloud.folder / "pay.backfill").write_text("".join(lines[:-2]) + lines[-2][:-9])
    answer = cloud.run(*stated)
    again = json.loads(answer.out or "{}")
    same(
        "backfill --state with a line cut off: what was cut off is brought again",
        (answer.code, again.get("windows"), again.get("windows_done_before")),
        (0, 2, WINDOWS - 2),
    )
    same("backfill --state with a line cut off: the same objects", everything(cloud, "state"), first)
    same(
        "backfill --state with a line cut off: the same windows",
        set((cloud.folder / "pay.backfill").read_text().splitlines()) >= set(state.splitlines()),
        True,
    )
    (cloud.folder / "other.txt").write_text("something else\n")
    answer = cloud.run("backfill", *lake("state"), *ASKED, "--state", "other.txt")
    same("backfill --state of another program", (answer.code, (cloud.folder / "other.txt").read_text()), (2, "something else\n"))

    # What is not over is not done.
    cloud.make_buckets("today")
    today = int(datetime.datetime.now(UTC).timestamp() * 1000)
    unfinished = [
        "backfill",
        *lake("today"),
        "--group",
        "/today",
        "--since",
        rfc3339(today - HOUR_MS),
        "--until",
        rfc3339(today + DAY_MS),
        "--state",
        "today.backfill",
    ]
    for each in (1, 2):
        cloud.put_events(REGIONS[0], "/today", "s", [(today - 10 + each, f"event {each}")])
        answer = cloud.run(*unfinished)
        same(
            f"backfill --state until tomorrow, run {each}: what there is by then",
            (answer.code, {row["body"] for row in cloud.landed("today", REGIONS[:1])}),
            (0, {"event 1", "event 2"} if each == 2 else {"event 1"}),
        )

    same("backfill leaves nothing on this machine", list((cloud.folder / "tmp").iterdir()), [])


def backfill_is_killed(cloud, first):
    cloud.make_buckets("killed")
    killed = ["backfill", *lake("killed"), *ASKED, "--state", "killed.backfill"]
    kills = [
        cloud.kill(number, lambda call: call.service == "s3" and call.action == "Put", is_heard, *killed)
        for number, is_heard in [(1, False), (1, True), (5, False), (9, True), (14, True)]
    ]
    same("backfill was killed five times", kills, [True] * 5)
    between = everything(cloud, "killed")
    check("backfill that was killed: what is there is whole", between and all(first.get(key) == body for key, body in between.items()), sorted(between)[:5])
    answer = cloud.run(*killed)
    again = json.loads(answer.out or "{}")
    same("backfill after it was killed: the same objects, to the byte", (answer.code, everything(cloud, "killed")), (0, first))
    check("backfill after it was killed: not from the beginning", 0 < again.get("windows_done_before", 0) < WINDOWS, again)


def backfill_reads_short_pages(cloud, events, rows):
    """As short as the service may make them: a day of more than twenty is brought by the hour."""
    cloud.make_buckets("hours")
    cloud.door.page_events = 400
    answer = cloud.run("backfill", *lake("hours"), *ASKED)
    cloud.door.page_events = None
    found = json.loads(answer.out or "{}")
    same("backfill by short pages: what it says that it brought", (answer.code, found.get("events"), found.get("records")), (0, len(events), len(rows)))
    holds_exactly("backfill by short pages", cloud.landed("hours"), events)
    check("backfill by short pages: by the hour", found.get("windows", 0) > WINDOWS, found)


def backfill_does_without_a_region(cloud, first):
    cloud.make_buckets("missing", REGIONS[1:])
    answer = cloud.run("backfill", *lake("missing"), *ASKED)
    found = json.loads(answer.out or "{}")
    same(
        "backfill without a bucket: the others",
        (answer.code, found.get("complete"), found.get("missing_regions"), everything(cloud, "missing", REGIONS[1:])),
        (3, False, REGIONS[:1], {key: body for key, body in first.items() if key[0] != REGIONS[0]}),
    )
    check("backfill without a bucket: why", REGIONS[0] in answer.err and "bucket does not exist" in answer.err and "telemetry" not in answer.err, answer.err)
    cloud.make_buckets("one")
    cloud.door.refused = {REGIONS[2]}
    answer = cloud.run("backfill", *lake("one"), *ASKED)
    cloud.door.refused = set()
    found = json.loads(answer.out or "{}")
    same(
        "backfill without a region that refuses: the others",
        (answer.code, found.get("missing_regions"), everything(cloud, "one")),
        (3, REGIONS[2:], {key: body for key, body in first.items() if key[0] != REGIONS[2]}),
    )
    cloud.make_buckets("chosen")
    answer = cloud.run("backfill", *lake("chosen"), *ASKED, "--region", REGIONS[1], "--no-redact")
    rows = cloud.landed("chosen")
    same(
        "backfill --region --no-redact",
        (answer.code, {row["cloud_region"] for row in rows}, sum(SECRET in (row["body"] or "") for row in rows)),
        (0, {REGIONS[1]}, 1),
    )
    since, until = BEGIN_MS + 90 * 60_000 + 1, BEGIN_MS + 26 * HOUR_MS - 1
    cloud.make_buckets("inside")
    answer = cloud.run("backfill", *lake("inside"), *GROUPS, "--since", rfc3339(since), "--until", rfc3339(until), *ASKED[8:])
    holds_exactly("backfill of a range inside an hour", cloud.landed("inside"), events_of(cloud, since, until))


# --- tail --------------------------------------------------------------------------------------------------------------------------


def lines_of(cloud, *arguments):
    """What a tail shows, and how it ended."""
    answer = cloud.run("tail", *arguments, "--format", "ndjson")
    return answer, [json.loads(line) for line in answer.out.splitlines()]


def told(rows):
    return [(row["cloud_region"], int(row["observed_time_unix_nano"]) // 1_000_000, row["body"]) for row in rows]


def tails(cloud):
    tail_polls(cloud)
    tail_lets_through_what_is_wished(cloud)
    tail_ends(cloud)
    tail_listens(cloud)


# Enough for a second reading, and for one.
LONG, SHORT = [*regions(), "--poll", "--for", "5s"], [*regions(), "--poll", "--for", "2s"]
REFUSED = json.dumps({"level": "ERROR", "message": "card refused", "service": "payments"})


def milliseconds():
    return int(datetime.datetime.now(UTC).timestamp() * 1000)


def tail_polls(cloud):
    cloud.begin()
    now_ms = milliseconds()
    shown = []
    for number, region in enumerate(REGIONS):
        events = [
            (now_ms - 4_000 + 10 * number, f"{region} plain"),
            (now_ms - 3_000 + 10 * number, f"{region} again"),
            (now_ms - 3_000 + 10 * number, f"{region} again"),
        ]
        cloud.put_events(region, "/aws/lambda/pay", STREAMS[0], events + [(now_ms - 120_000, f"{region} long ago")])
        cloud.put_events(region, "/ecs/shop", "shop/1", [(now_ms - 2_000 + 10 * number, REFUSED)])
        cloud.put_events(region, OWN_GROUPS[0], STREAMS[0], [(now_ms - 2_000, "the forwarder's own")])
        cloud.put_events(region, OWN_GROUPS[1], "delivery", [(now_ms - 2_000, "the stream's own")])
        shown += [(region, time, "card refused" if text == REFUSED else text) for time, text in [*events, (now_ms - 2_000 + 10 * number, REFUSED)]]

    # What is written while it is followed: after each group was read once.
    late, waiting, lock = [], {(region, group) for region in REGIONS for group in ("/aws/lambda/pay", "/ecs/shop")}, threading.Lock()

    def around(call, proceed):
        answer = proceed()
        key = (call.region, call.detail.get("logGroupName")) if call.action == "FilterLogEvents" else None
        with lock:
            if key in waiting:
                waiting.remove(key)
                time = milliseconds()
                cloud.put_events(*key, "new", [(time, f"{key} while it is followed")])
                late.append((key[0], time, f"{key} while it is followed"))
        return answer

    cloud.door.around = around
    answer, rows = lines_of(cloud, *LONG)
    cloud.door.around = lambda call, proceed: proceed()
    same("tail --poll --for: exit code", answer.code, 0)
    same("tail --poll: each event of all regions once, what came meanwhile, and nothing older", Counter(told(rows)), Counter(shown + late))
    same("tail --poll: merged by time", [int(row["time_unix_nano"]) for row in rows], sorted(int(row["time_unix_nano"]) for row in rows))
    same(
        "tail --poll: groups of the pipeline are not followed",
        {call.detail["logGroupName"] for call in cloud.door.noted("FilterLogEvents")},
        {"/aws/lambda/pay", "/ecs/shop"},
    )
    same("tail --poll: no session is begun, and nothing is written", (cloud.door.noted("StartLiveTail"), cloud.door.writes()), ([], []))
    ids = {
        (region, group): {event["eventId"] for event in cloud.events(region, group, 0, now_ms + DAY_MS)}
        for region in REGIONS
        for group in ("/aws/lambda/pay", "/ecs/shop")
    }
    check("tail --poll: with CloudWatch's ids", rows and all(row["event_id"] in ids[(row["cloud_region"], row["aws_log_group"])] for row in rows), rows[:2])


def tail_lets_through_what_is_wished(cloud):
    for name, more, expected in [
        ("FILTER", ["refused"], "card refused"),
        ("--service", ["--service", "payments"], "card refused"),
        ("--level", ["--level", "error"], "card refused"),
        ("--group", ["--group", "/ecs/s?op", "--level", "warn"], "card refused"),
    ]:
        # What was written before is as old as this takes: it is written anew.
        time = milliseconds()
        for region in REGIONS:
            cloud.put_events(region, "/ecs/shop", name, [(time, REFUSED)])
        answer, rows = lines_of(cloud, *SHORT, *more)
        found = {(row["cloud_region"], row["body"]) for row in rows}
        same(f"tail {name}: what it lets through, and nothing else", (answer.code, found), (0, {(region, expected) for region in REGIONS}))
    answer = cloud.run("tail", *SHORT, "--utc", "--group", "/ecs/shop")
    line = next((line for line in answer.out.splitlines() if "card refused" in line), "")
    check("tail: a line as `transect logs` prints it", answer.code == 0 and all(part in line for part in ("payments", "ERROR", "Z")), answer)
    answer = cloud.run("tail", *SHORT, "--group", "/nobody")
    same("tail of a group that is not there", (answer.code, cloud.door.noted("FilterLogEvents")), (5, []))


def tail_ends(cloud):
    """By Ctrl-C, and without a region that refuses."""
    cloud.put_events(REGIONS[0], "/ecs/shop", "ctrl-c", [(milliseconds(), "the last line")])
    process = subprocess.Popen(
        [TRANSECT, "tail", *regions(), "--poll", "--group", "/ecs/*", "--format", "ndjson"],
        cwd=cloud.folder,
        env=cloud.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if "the last line" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    same("tail: Ctrl-C ends it, and is no error", (process.returncode, err), (0, ""))

    cloud.put_events(REGIONS[0], "/ecs/shop", "still", [(milliseconds(), "still here")])
    cloud.door.refused = {REGIONS[1]}
    answer, rows = lines_of(cloud, *SHORT, "--group", "/ecs/*")
    cloud.door.refused = set()
    check(
        "tail without a region that refuses: the others",
        answer.code == 3 and "still here" in answer.out and not any(row["cloud_region"] == REGIONS[1] for row in rows),
        answer,
    )
    check("tail without a region that refuses: why", REGIONS[1] in answer.err and "UnrecognizedClient" in answer.err, answer.err)


def tail_listens(cloud):
    """moto tells everything there ever was, of the group that was made last, and ends the session: what is tried is that it is begun as
    AWS wants it, read, and begun again, and that no line comes twice."""
    now_ms = milliseconds()
    for region in REGIONS:
        cloud.put_events(region, "/aws/lambda/live", STREAMS[0], [(now_ms + each // 2, f"{region} line {each // 2}") for each in range(6)])
    answer, rows = lines_of(cloud, *regions(), "--group", "/aws/lambda/l*", "--for", "3s")
    sessions = cloud.door.noted("StartLiveTail")
    identifiers = {(call.region, tuple(call.detail["logGroupIdentifiers"])) for call in sessions}
    same(
        "tail: a session in each region, of its groups",
        identifiers,
        {(region, (f"arn:aws:logs:{region}:{ACCOUNT}:log-group:/aws/lambda/live",)) for region in REGIONS},
    )
    held = Counter(
        (region, event["timestamp"], event["message"]) for region in REGIONS for event in cloud.events(region, "/aws/lambda/live", 0, now_ms + DAY_MS)
    )
    same("tail: every line of a session, and none twice where sessions overlap", Counter(told(rows)), held)
    check("tail: a session that ended is begun again, which is said", len(sessions) > len(REGIONS) and "begun again" in answer.err, answer.err)
    same("tail: nothing is polled while there are sessions", cloud.door.noted("FilterLogEvents"), [])


# --- redrive -----------------------------------------------------------------------------------------------------------------------


def subscription(group, events, **more):
    """What a subscription delivers."""
    return {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": group,
        "logStream": STREAMS[0],
        "subscriptionFilters": [NAME],
        "logEvents": [{"id": f"{number:056}", "timestamp": timestamp, "message": message} for number, timestamp, message in events],
    } | more


def kept(payload, error="Transect.Undelivered", condition="RetriesExhausted"):
    """What Lambda keeps of an event that the forwarder could not deliver."""
    record = {
        "version": "1.0",
        "timestamp": rfc3339(BEGIN_MS),
        "requestContext": {
            "requestId": "8f5b6c7d-0000-4000-8000-000000000000",
            "functionArn": arn(REGIONS[0]),
            "condition": condition,
            "approximateInvokeCount": 3,
        },
        "requestPayload": payload,
    }
    if error:
        record |= {
            "responseContext": {"statusCode": 200, "executedVersion": "7", "functionError": "Unhandled"},
            "responsePayload": {"errorType": error, "errorMessage": "the service said no to the-payload"},
        }
    return json.dumps(record)


def event_of(document):
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(document).encode(), mtime=0)).decode()}}


def row_of(region, number, timestamp, **more):
    """A row as the forwarder sends it to Firehose."""
    return {
        "time_unix_nano": timestamp * 1_000_000,
        "observed_time_unix_nano": timestamp * 1_000_000,
        "event_id": f"{number:056}",
        "signal": "log",
        "body": f"row {number}",
        "cloud_account_id": ACCOUNT,
        "cloud_region": region,
        "aws_log_group": "/aws/lambda/unconverted",
        "aws_log_stream": STREAMS[0],
        "attributes": json.dumps({"kept": number}),
        "schema_version": 1,
    } | more


def unconverted(rows, code=("lastErrorCode", "DataFormatConversion.MalformedData")):
    """Firehose's line about a record that it could not convert: rows with newlines between, or raw text."""
    raw = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
    return (
        json.dumps(
            {
                "attemptsMade": 1,
                "arrivalTimestamp": BEGIN_MS,
                code[0]: code[1],
                code[0].replace("Code", "Message"): "of the-payload",
                "attemptEndingTimestamp": BEGIN_MS,
                "rawData": base64.b64encode(raw.encode()).decode(),
                "EventId": "1",
            }
        )
        + "\n"
    )


LAMBDAS = f"aws/lambda/async/{NAME}-forwarder/2026/11/21/2026-11-21T08.42.53-"


def left_over(region):
    """What lies undelivered in a region: objects by key; the events in them; how `failed` names them; and which of them cannot be read."""
    number = 1_000 * (1 + REGIONS.index(region))
    objects, events, causes = {}, {}, Counter()

    def keep(key, cause, count, document=None, body=None, **more):
        objects[key] = body if body is not None else kept(event_of(document), **more)
        causes[("failed", cause, "objects")] += 1
        causes[("failed", cause, "events")] += count
        for event in (document or {}).get("logEvents", []):
            events[(region, document["logGroup"], STREAMS[0], event["id"])] = event["timestamp"]

    for index in range(4):
        batch = [(number + 10 * index + each, BEGIN_MS + index * HOUR_MS + each, f"kept {index} {each}") for each in range(3)]
        keep(f"{LAMBDAS}{index}", "Transect.Undelivered", 3, subscription("/aws/lambda/kept", batch))
    keep(
        f"{LAMBDAS}old",
        "EventAgeExceeded",
        1,
        subscription("/aws/lambda/kept", [(number + 100, BEGIN_MS - DAY_MS, f"key {SECRET}")]),
        error=None,
        condition="EventAgeExceeded",
    )
    # The same event once more, as a copy that somebody has put there, and not packed.
    copy = subscription("/aws/lambda/kept", [(number, BEGIN_MS, "kept 0 0")])
    keep(f"failed/region={region}/2026/copy.json", "Transect.Undelivered", 1, copy, body=kept(copy))
    keep(f"failed/region={region}/control", "Transect.Undelivered", 0, body=kept(event_of(subscription("", [], messageType="CONTROL_MESSAGE"))))
    bad = {
        f"failed/region={region}/broken": "the-payload is no JSON",
        f"failed/region={region}/nothing-kept": json.dumps({"requestContext": {"condition": "RetriesExhausted"}}),
        f"{LAMBDAS}undecodable": kept({"awslogs": {"data": "dGhlLXBheWxvYWQ="}}, error="Transect.Undecodable"),
    }
    objects |= bad
    for cause in ("unreadable", "RetriesExhausted", "Transect.Undecodable"):
        causes[("failed", cause, "objects")] += 1
        causes[("failed", cause, "events")] += 0
    # Another function's is none of ours, and neither is another region's.
    others = {"aws/lambda/async/other/2026/11/21/x": kept(event_of(copy)), "failed/region=ap-south-1/x": kept(event_of(copy))}
    objects |= others

    folder = f"errors/region={region}/format-conversion-failed/date=2026-11-21/hour=08/{NAME}-1-2026-11-21-08-42-53-"
    rows = [row_of(region, number + 200 + each, BEGIN_MS + 2 * HOUR_MS + each, http_response_status_code="502") for each in range(5)]
    broken = unconverted('{"the-payload', ("errorCode", "DataFormatConversion.ParseError"))
    raw = subscription("/aws/lambda/direct", [(number + 300, BEGIN_MS + 5, "into the stream, without the forwarder")])
    errors = {
        f"{folder}good": (unconverted(rows[:2]) + unconverted(rows[2:3]), "DataFormatConversion.MalformedData", 2),
        f"{folder}mixed": (
            unconverted(rows[3:4], ("errorCode", "DataFormatConversion.ParseError")) + broken + unconverted(rows[4:]),
            "DataFormatConversion.ParseError",
            3,
        ),
        f"{folder}direct": (unconverted(json.dumps(raw)), "DataFormatConversion.MalformedData", 1),
        f"{folder}broken": (broken, "DataFormatConversion.ParseError", 1),
        f"errors/region={region}/processing-failed/date=2026-11-21/hour=08/strange": ("no line of the-payload\n", "unreadable", 1),
        f"{folder}blank": ("\n", "unreadable", 0),
    }
    for key, (body, cause, count) in errors.items():
        objects[key] = body
        causes[("errors", cause, "objects")] += 1
        causes[("errors", cause, "events")] += count
    for row in rows:
        events[(region, row["aws_log_group"], STREAMS[0], row["event_id"])] = row["observed_time_unix_nano"] // 1_000_000
    events[(region, raw["logGroup"], STREAMS[0], raw["logEvents"][0]["id"])] = BEGIN_MS + 5
    bad |= {key: errors[key][0] for key in (f"{folder}broken", f"{folder}blank", f"errors/region={region}/processing-failed/date=2026-11-21/hour=08/strange")}
    return {key: body.encode() for key, body in objects.items()}, events, causes, {*bad, *others}, {f"{folder}mixed.left": broken.encode()}, set(bad)


def redrive_world(cloud, name=NAME, of=REGIONS, folder=""):
    cloud.make_buckets(name, of)
    worlds = {region: left_over(region) for region in of}
    for region in of:
        for key, body in worlds[region][0].items():
            # Lambda writes to the bucket's root, wherever the lake is.
            cloud.put(region, key if key.startswith("aws/") else f"{folder}{key}", body, name)
    return worlds


def redriven(world, of_source=("failed", "errors")):
    """The objects of a region after a redrive, but for those that have landed."""
    objects, _, _, staying, rest, _ = world
    moved = {key for key in objects if key not in staying and ("errors" if key.startswith("errors/") else "failed") in of_source}
    return {(f"redriven/{key}" if key in moved else key): body for key, body in objects.items()} | (rest if "errors" in of_source else {})


def beside(objects):
    return {key: body for key, body in objects.items() if "landing/" not in key}


def redrives(cloud):
    cloud.begin()
    worlds = redrive_world(cloud)
    events = {key: time for world in worlds.values() for key, time in world[1].items()}
    failed_lists_what_was_left(cloud, worlds)
    redrive_delivers(cloud, worlds, events)
    redrive_has_nothing_left(cloud, worlds, events)
    redrive_takes_what_is_odd(cloud)
    redrive_goes_by_parts_and_folders(cloud, events)
    redrive_does_without_a_bucket(cloud)
    nothing_is_written_to_replicas(cloud)
    redrive_is_killed(cloud)


def failed_lists_what_was_left(cloud, worlds):
    before = everything(cloud)
    answer, rows, whole = cloud.rows("failed", *lake())
    found = Counter()
    for row in rows:
        for what in ("objects", "events"):
            found[(row["cloud_region"], row["source"], row["cause"], what)] += row[what]
    causes = Counter({(region, *key): count for region, world in worlds.items() for key, count in world[2].items()})
    same("failed: what was left, by region, source and cause", (answer.code, whole["complete"], dict(found)), (0, True, dict(causes)))
    same(
        "failed: all bytes of it",
        sum(row["bytes"] for row in rows),
        sum(len(body) for world in worlds.values() for key, body in world[0].items() if "async/other" not in key and "ap-south-1" not in key),
    )
    check("failed: an example of each that is there", rows and all((row["cloud_region"], row["example"]) in before for row in rows), rows)
    check("failed: nothing of what was kept", "the-payload" not in json.dumps(rows) and "telemetry" not in json.dumps(rows))
    same("failed: AWS is asked for nothing but reading", cloud.door.writes(), [])
    answer, rows, _ = cloud.rows("failed", *lake(), "--from", "errors", "--region", REGIONS[1])
    same("failed --from --region", (answer.code, {(row["cloud_region"], row["source"]) for row in rows}), (0, {(REGIONS[1], "errors")}))
    answer = cloud.run("failed", *lake(), "--name", "blue", "--from", "failed")
    check("failed --name: another deployment's folder", answer.code == 0 and "EventAgeExceeded" not in answer.out and "unreadable" in answer.out, answer)

    answer, rows, _ = cloud.rows("redrive", *lake(), "--dry-run")
    same(
        "redrive --dry-run: exit code, and as many as there are",
        (answer.code, sum(row["objects"] for row in rows)),
        (0, sum(count for key, count in causes.items() if key[3] == "objects")),
    )
    same("redrive --dry-run: nothing is written", (cloud.door.writes(), everything(cloud)), ([], before))


def reported(rows):
    """By region, source and whether it was delivered: objects, those delivered, those left."""
    found = Counter()
    for row in rows:
        found[(row["cloud_region"], row["source"], "" if row["reason"] == "" else "left", "objects")] += row["objects"]
        found[(row["cloud_region"], row["source"], "delivered", "sum")] += row["delivered"]
        found[(row["cloud_region"], row["source"], "left", "sum")] += row["left"]
    return dict(found)


def redrive_delivers(cloud, worlds, events):
    answer, rows, whole = cloud.rows("redrive", *lake())
    same("redrive: exit code, for what is left still", (answer.code, whole["complete"], whole["missing_regions"]), (3, True, []))
    landed = cloud.landed()
    same("redrive: DuckDB reads exactly the events that were left", {identity(row) for row in landed}, set(events))
    # One event was kept in two objects.
    copies = Counter(identity(row) for row in landed)
    same(
        "redrive: each event as often as it was left",
        (sum(copies.values()), {key[3] for key, count in copies.items() if count > 1}),
        (len(events) + 3, {f"{1000 * number:056}" for number in (1, 2, 3)}),
    )
    same("redrive: under the region and hour in which it was observed", misplaced(landed), [])
    same(
        "redrive: CloudWatch's time",
        {identity(row): row["observed_time_unix_nano"] for row in landed},
        {key: time * 1_000_000 for key, time in events.items()},
    )
    check(
        "redrive: secrets are redacted",
        any("[redacted" in (row["body"] or "") for row in landed) and not any(SECRET in (row["body"] or "") for row in landed),
    )
    odd = [row for row in landed if row["aws_log_group"] == "/aws/lambda/unconverted"]
    same(
        "redrive: a value that its column does not take is in the attributes, beside what was there",
        {
            (
                row["http_response_status_code"],
                json.loads(row["attributes"]).get("transect.unconverted.http_response_status_code"),
                "kept" in json.loads(row["attributes"]),
            )
            for row in odd
        },
        {(None, "502", True)},
    )
    for region in REGIONS:
        same(
            f"redrive: what was delivered is in redriven/, the rest where it was, to the byte ({region})",
            beside(cloud.objects(region)),
            redriven(worlds[region]),
        )
    left = {"failed": 3, "errors": 4}
    same(
        "redrive: what it says",
        reported(rows),
        {
            key: count
            for region in REGIONS
            for source, good in [("failed", 7), ("errors", 3)]
            for key, count in {
                (region, source, "", "objects"): good,
                (region, source, "left", "objects"): left[source],
                (region, source, "delivered", "sum"): good,
                (region, source, "left", "sum"): left[source],
            }.items()
        },
    )
    same("redrive: events and rows that it says", (sum(row["events"] for row in rows), sum(row["records"] for row in rows)), (3 * (14 + 5), len(landed)))
    check(
        "redrive: reasons, and nothing of what was kept",
        all(row["reason"] for row in rows if row["left"]) and not any(text in answer.out + answer.err for text in ("the-payload", "telemetry")),
        answer,
    )
    same("redrive: objects are written to buckets, and nothing else", {call.service for call in cloud.door.writes()}, {"s3"})
    after = everything(cloud)
    sql = "SELECT count(*) AS n FROM logs WHERE aws_log_group LIKE '/aws/lambda/%'"
    answer, counted, _ = cloud.rows("sql", *lake(), sql)
    same("redrive: `transect sql` counts each event once", counted, [{"n": len(events)}])

    answer, again, _ = cloud.rows("redrive", *lake())
    same("redrive again: what is left still, for the same reasons", (answer.code, [row for row in again]), (3, [row for row in rows if row["left"]]))
    same("redrive again: nothing moves and nothing is there twice", everything(cloud), after)
    answer, rows, _ = cloud.rows("failed", *lake())
    same(
        "failed after redrive: what is left",
        Counter(row["cloud_region"] for row in rows for _ in range(row["objects"])),
        Counter({region: 7 for region in REGIONS}),
    )


def redrive_has_nothing_left(cloud, worlds, events):
    # Put right by hand.
    for region, world in worlds.items():
        for key in {*world[5], *world[4]}:
            cloud.client("s3", region).delete_object(Bucket=bucket_of(region), Key=key)
    for command in ("redrive", "failed"):
        answer, rows, _ = cloud.rows(command, *lake())
        same(f"{command} where nothing is left", (answer.code, rows), (5, []))
    number = 9_999
    cloud.put(REGIONS[0], f"{LAMBDAS}late", kept(event_of(subscription("/aws/lambda/kept", [(number, BEGIN_MS, "late")]))))
    answer, rows, _ = cloud.rows("redrive", *lake())
    same(
        "redrive of what came later",
        (answer.code, [(row["cloud_region"], row["delivered"], row["left"], row["events"]) for row in rows]),
        (0, [(REGIONS[0], 1, 0, 1)]),
    )
    same(
        "redrive of what came later: beside what is there",
        {identity(row) for row in cloud.landed()},
        {*events, (REGIONS[0], "/aws/lambda/kept", STREAMS[0], f"{number:056}")},
    )


def redrive_takes_what_is_odd(cloud):
    odd = f"failed/region={REGIONS[0]}/copy of 100 % [1]~.json"
    cloud.put(REGIONS[0], odd, FAILED_EVENT)
    answer, rows, _ = cloud.rows("redrive", *lake())
    same(
        "redrive of an object with an odd name",
        (answer.code, [row["delivered"] for row in rows], {key for key in cloud.objects(REGIONS[0]) if odd in key}),
        (0, [1], {f"redriven/{odd}"}),
    )
    without(cloud.client("s3", REGIONS[0]), "delete_object", Bucket=bucket_of(REGIONS[0]), Key=odd)
    cloud.put(REGIONS[0], FAILED_KEY, FAILED_EVENT)
    answer, rows, whole = cloud.rows("redrive", *lake(), "--region", REGIONS[0], "--region", REGIONS[0])
    same("redrive of a region that is named twice", (answer.code, whole["complete"], [row["delivered"] for row in rows]), (0, True, [1]))
    for folder in ("failed", "errors"):
        cloud.put(REGIONS[0], f"{folder}/region={REGIONS[0]}/", b"")
    for command in ("redrive", "failed"):
        answer, rows, _ = cloud.rows(command, *lake())
        same(f"{command} where there is nothing but the folder that a console has made", (answer.code, rows), (5, []))


def redrive_goes_by_parts_and_folders(cloud, events):
    """One source after the other is the same as both; and Lambda's objects lie at the bucket's root, wherever the lake is."""
    worlds = redrive_world(cloud, "parts", REGIONS[:1])
    region, place = REGIONS[0], lake("parts")[:2]
    answer = cloud.run("redrive", *place, "--from", "failed")
    same("redrive --from failed", beside(cloud.objects(region, "parts")), redriven(worlds[region], ("failed",)))
    answer = cloud.run("redrive", *place, "--from", "errors")
    same("redrive --from errors after it", beside(cloud.objects(region, "parts")), redriven(worlds[region]))
    same("redrive by parts: the same events", {identity(row) for row in cloud.landed("parts", [region])}, {key for key in events if key[0] == region})

    redrive_world(cloud, "folder", REGIONS[:1], "team/")
    answer = cloud.run("redrive", "--lake", f"{region}=s3://{bucket_of(region, 'folder')}/team")
    found = beside(cloud.objects(region, "folder"))
    expected = {key if "aws/" in key else f"team/{key}": body for key, body in redriven(worlds[region]).items()}
    same("redrive of a lake in a folder: exit code", answer.code, 3)
    same("redrive of a lake in a folder: what is where", found, expected)
    same(
        "redrive of a lake in a folder: the same events",
        {identity(row) for row in cloud.landed("folder", [region], "team/")},
        {key for key in events if key[0] == region},
    )


def redrive_does_without_a_bucket(cloud):
    worlds = redrive_world(cloud, "missing", REGIONS[1:])
    answer, rows, whole = cloud.rows("redrive", *lake("missing"))
    same(
        "redrive without a bucket: exit code",
        (answer.code, whole["complete"], whole["missing_regions"], {row["cloud_region"] for row in rows}),
        (3, False, REGIONS[:1], set(REGIONS[1:])),
    )
    check("redrive without a bucket: why", "bucket does not exist" in answer.err and "telemetry" not in answer.err, answer.err)
    for region in REGIONS[1:]:
        same(f"redrive without a bucket: the others are done ({region})", beside(cloud.objects(region, "missing")), redriven(worlds[region]))
    answer, rows, whole = cloud.rows("failed", *lake("missing"))
    same("failed without a bucket", (answer.code, whole["missing_regions"], {row["cloud_region"] for row in rows}), (3, REGIONS[:1], set(REGIONS[1:])))


def replicated(cloud, name, spare):
    """A configuration in which each region's bucket has a replica."""
    text = "".join(
        f'[[region]]\nname = "{region}"\nurl = "s3://{bucket_of(region, name)}"\nreplica = "s3://{bucket_of(region, spare)}"\n' for region in REGIONS
    )
    (cloud.folder / "replicated.toml").write_text(text)
    return ["--config", "replicated.toml"]


def nothing_is_written_to_replicas(cloud):
    """What waits in a bucket was copied to its replica; while the bucket is away it waits on."""
    redrive_world(cloud, "spare")
    for region in REGIONS:
        cloud.put_events(region, "/aws/lambda/pay", STREAMS[0], [(BEGIN_MS, "to be brought")])
    before = everything(cloud, "spare")
    for command, more in [("redrive", []), ("backfill", ASKED)]:
        answer = cloud.run(command, *replicated(cloud, "nowhere", "spare"), *more)
        same(f"{command} where there are but replicas: nothing is done", (answer.code, everything(cloud, "spare")), (3, before))


def redrive_is_killed(cloud):
    """At every request that writes: before S3 hears of it, and right after."""
    region, kills, ended, miscounted = REGIONS[0], 0, {}, {}
    some = {key: body for key, body in left_over(region)[0].items() if key.endswith(("-0", "-1", "control", "nothing-kept", "mixed", "broken"))}

    def some_left(name):
        cloud.make_buckets(name, [region])
        for key, body in some.items():
            cloud.put(region, key, body, name)

    some_left("whole")
    cloud.run("redrive", *lake("whole")[:2])
    whole = cloud.objects(region, "whole")
    for is_heard in (False, True):
        number = 0
        while True:
            number += 1
            name = f"kill{number}-{int(is_heard)}"
            some_left(name)
            was_killed = cloud.kill(number, lambda call: call.service == "s3" and is_write(call), is_heard, "redrive", *lake(name)[:2])
            if not was_killed:
                break
            kills += 1
            answer, rows, _ = cloud.rows("redrive", *lake(name)[:2])
            found = cloud.objects(region, name)
            if (answer.code, found) != (3, whole):
                ended[name] = (answer.code, {key for key in {**found, **whole} if found.get(key) != whole.get(key)})
            if sum(row["left"] for row in rows) != 4:
                miscounted[name] = rows
    same("redrive killed at any request, and run again, ends the same", ended, {})
    same("redrive after it was killed: what it says that is left", miscounted, {})
    check("redrive was killed at every request", kills == 2 * 12, kills)


# --- doctor ------------------------------------------------------------------------------------------------------------------------

FORWARDER, PAY = f"{NAME}-forwarder", "pay-fn"
CHECKS = ["credentials", "bucket", "delivery", "firehose", "forwarder", "release", "coverage", "skipped", "failed", "unconverted", "clock"]


def without(client, name, **names):
    """Takes something away, whether it is there or not."""
    with contextlib.suppress(ClientError):
        getattr(client, name)(**names)


def put_stream(cloud, region, kind="DirectPut", **settings):
    streams = cloud.client("firehose", region)
    without(streams, "delete_delivery_stream", DeliveryStreamName=NAME)
    settings = {key: value for key, value in stream_settings(region, **settings).items() if value is not None}
    streams.create_delivery_stream(DeliveryStreamName=NAME, DeliveryStreamType=kind, ExtendedS3DestinationConfiguration=settings)


def put_conversion(cloud, region, path, value):
    """A stream of which one setting of the conversion is another."""
    conversion = json.loads(json.dumps(stream_settings(region)["DataFormatConversionConfiguration"]))
    place = conversion
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    put_stream(cloud, region, DataFormatConversionConfiguration=conversion)


def put_forwarder(
    cloud, region, alias="live", version=None, weights=None, reserved=None, destination="", retries=2, permitted=ACCOUNT, stream=NAME, more=None, **settings
):
    functions = cloud.client("lambda", region)
    without(functions, "delete_function", FunctionName=FORWARDER)
    variables = {"RUST_BACKTRACE": "1"} | ({"TRANSECT_DELIVERY_STREAM": stream} if stream else {}) | (more or {})
    digest = cloud.function(region, FORWARDER, alias=alias, Environment={"Variables": variables}, **settings)
    if weights:
        # What has not changed is not published again.
        functions.update_function_configuration(FunctionName=FORWARDER, Timeout=61)
        functions.publish_version(FunctionName=FORWARDER)
        functions.update_alias(FunctionName=FORWARDER, Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": weights})
    if version:
        functions.update_alias(FunctionName=FORWARDER, Name="live", FunctionVersion=version)
    if reserved is not None:
        functions.put_function_concurrency(FunctionName=FORWARDER, ReservedConcurrentExecutions=reserved)
    destination = f"arn:aws:s3:::{bucket_of(region)}" if destination == "" else destination
    if destination:
        functions.put_function_event_invoke_config(
            FunctionName=FORWARDER, Qualifier="live", MaximumRetryAttempts=retries, DestinationConfig={"OnFailure": {"Destination": destination}}
        )
    if permitted:
        account = {} if permitted == "any" else {"SourceAccount": permitted}
        functions.add_permission(
            FunctionName=FORWARDER, Qualifier="live", StatementId="logs", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com", **account
        )
    return digest


def put_group(cloud, region, name, retention=30, filters=None):
    without(cloud.client("logs", region), "delete_log_group", logGroupName=name)
    own = name in OWN_GROUPS
    cloud.group(region, name, retention, filters=filters if filters is not None else ([] if own else [(NAME, "", arn(region))]))


def newest_key(region):
    return f"landing/region={region}/date={NOW:%Y-%m-%d}/hour={NOW:%H}/{NAME}-1-{NOW:%Y-%m-%d-%H-%M-%S}-x.parquet"


def put_region(cloud, region):
    """A region in which nothing is wrong; what was there is put in its place."""
    s3 = cloud.client("s3", region)
    without(s3, "create_bucket", Bucket=bucket_of(region), CreateBucketConfiguration={"LocationConstraint": region})
    empty(cloud, region)
    cloud.put(region, newest_key(region), b"what is in it is not looked at")
    put_stream(cloud, region)
    digest = put_forwarder(cloud, region)
    without(cloud.client("lambda", region), "delete_function", FunctionName=PAY)
    cloud.function(region, PAY)
    for page in cloud.client("logs", region).get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            cloud.client("logs", region).delete_log_group(logGroupName=group["logGroupName"])
    for name in (*OWN_GROUPS, "/aws/lambda/pay", "/ecs/shop"):
        put_group(cloud, region, name)
    cloud.door.policies[region] = {}
    releases = {"0.9.0": {region: {FORWARDER: {"version": "1", "codeSha256": digest}}}, "1.4.1": {region: {PAY: {"version": "1", "codeSha256": digest}}}}
    (cloud.folder / "release-map.json").write_text(json.dumps(releases))
    answer = cloud.run("releases", "import", "release-map.json", *lake())
    assert answer.code == 0, answer


def put_policy(cloud, region, excluded):
    document = json.dumps({"DestinationArn": arn(region), "FilterPattern": "", "Distribution": "Random"})
    cloud.door.policies[region] = {
        NAME: {
            "policyName": NAME,
            "policyDocument": document,
            "policyType": "SUBSCRIPTION_FILTER_POLICY",
            "scope": "ALL",
            "accountId": ACCOUNT,
            "selectionCriteria": "LogGroupName NOT IN " + json.dumps(excluded),
        }
    }


def age(cloud, region, prefix, time):
    """moto dates what is written by the clock: an object that is older is made so."""
    for key, found in s3_backends[ACCOUNT]["aws"].buckets[bucket_of(region)].keys.items():
        if key.startswith(prefix):
            found.last_modified = time.replace(tzinfo=None)


def empty(cloud, region, prefix=""):
    for key in cloud.objects(region):
        if key.startswith(prefix):
            cloud.client("s3", region).delete_object(Bucket=bucket_of(region), Key=key)


def drop_bucket(cloud, region):
    empty(cloud, region)
    cloud.client("s3", region).delete_bucket(Bucket=bucket_of(region))


def record(cloud, region, function, release, code=None):
    (cloud.folder / "release-map.json").write_text(json.dumps({release: {region: {function: {"version": "1"} | ({"codeSha256": code} if code else {})}}}))
    answer = cloud.run("releases", "import", "release-map.json", *lake())
    assert answer.code == 0, answer


FAILED_KEY = f"{LAMBDAS}x"
FAILED_EVENT = kept(event_of(subscription("/aws/lambda/kept", [(1, BEGIN_MS, "kept")])))


def stream(kind="DirectPut", **settings):
    return lambda cloud, region: put_stream(cloud, region, kind, **settings)


def status(name):
    """Streams of moto are active at once."""
    return lambda cloud, region: setattr(firehose_backends[ACCOUNT][region].delivery_streams[NAME], "delivery_stream_status", name)


def conversion(*path, to):
    return lambda cloud, region: put_conversion(cloud, region, path, to)


def forwarder(**settings):
    return lambda cloud, region: put_forwarder(cloud, region, **settings)


def recorded(*names):
    return lambda cloud, region: record(cloud, region, *names)


def group(name, filters=((NAME, ""),), to=f"{FORWARDER}:live", **settings):
    return lambda cloud, region: put_group(cloud, region, name, filters=[(*each, arn(region, to)) for each in filters], **settings)


def policy(*excluded):
    return lambda cloud, region: put_policy(cloud, region, excluded)


def objects(key, body, days=0):
    """An object that was written some days ago."""

    def damage(cloud, region):
        cloud.put(region, key.format(region), body if isinstance(body, str) else body(region))
        age(cloud, region, key.format(region), NOW - datetime.timedelta(days=days))

    return damage


def absent(service, call, **names):
    return lambda cloud, region: without(cloud.client(service, region), call, **names)


def unrecorded(cloud, region):
    empty(cloud, region, f"releases/region={region}/{PAY}.")


def both(*damages):
    return lambda cloud, region: [damage(cloud, region) for damage in damages]


UNFILTERED = [group(name, ()) for name in ("/aws/lambda/pay", "/ecs/shop")]
UNCONVERTED_KEY = "errors/region={}/format-conversion-failed/date=2026-11-21/hour=08/x"
HIVE, ORC = {"Deserializer": {"HiveJsonSerDe": {}}}, {"Serializer": {"OrcSerDe": {}}}
OTHER_CODE = "AAAA+RZFJgrefm34+uplM/R8/si9xzqGvvwK0YMbR0="

# What is broken, and how; the check that says so, as what, and a word of it; whether the fix that is advised mends it here.
BREAKS = [
    ("no stream", absent("firehose", "delete_delivery_stream", DeliveryStreamName=NAME), "firehose", "fail", "no stream", False),
    ("a stream from Kinesis", stream("KinesisStreamAsSource"), "firehose", "fail", "KinesisStreamAsSource", False),
    ("a stream that is not active", status("DELETING"), "firehose", "fail", "DELETING", False),
    ("a stream that is being made", status("CREATING"), "firehose", "warn", "CREATING", False),
    ("another prefix", stream(Prefix="landing/"), "firehose", "fail", "prefix `landing/`", True),
    ("no prefix", stream(Prefix=None), "firehose", "fail", "prefix none", True),
    ("another region's prefix", stream(Prefix=stream_settings(REGIONS[0])["Prefix"]), "firehose", "fail", f"region={REGIONS[0]}", True),
    ("another error prefix", stream(ErrorOutputPrefix="errors/"), "firehose", "fail", "error prefix `errors/`", True),
    ("another time zone", stream(CustomTimeZone="Europe/London"), "firehose", "fail", "time zone Europe/London", True),
    ("another file extension", stream(FileExtension=".snappy"), "firehose", "fail", ".snappy", True),
    ("another bucket", stream(BucketARN="arn:aws:s3:::elsewhere"), "firehose", "fail", "another bucket", False),
    ("a small buffer", stream(BufferingHints={"SizeInMBs": 5, "IntervalInSeconds": 300}), "firehose", "fail", "5 MiB", True),
    ("a long interval", stream(BufferingHints={"SizeInMBs": 128, "IntervalInSeconds": 1200}), "firehose", "fail", "1200 s", True),
    ("compression around Parquet", stream(CompressionFormat="GZIP"), "firehose", "fail", "GZIP", True),
    ("no conversion", stream(DataFormatConversionConfiguration=None), "firehose", "fail", "nothing is converted", True),
    ("conversion switched off", conversion("Enabled", to=False), "firehose", "fail", "nothing is converted", True),
    ("Hive reads", conversion("InputFormatConfiguration", to=HIVE), "firehose", "warn", "Hive", True),
    ("ORC is written", conversion("OutputFormatConfiguration", to=ORC), "firehose", "fail", "other than Parquet", True),
    ("another table", conversion("SchemaConfiguration", "TableName", to="other"), "firehose", "warn", "`other`", True),
    ("another region's table", conversion("SchemaConfiguration", "Region", to=REGIONS[0]), "firehose", "warn", f"Glue table in {REGIONS[0]}", True),
    ("a version of the table", conversion("SchemaConfiguration", "VersionId", to="3"), "firehose", "warn", "version 3", True),
    ("no log", stream(CloudWatchLoggingOptions={"Enabled": False}), "firehose", "warn", "not logged", True),
    ("processors", stream(ProcessingConfiguration={"Enabled": True, "Processors": []}), "firehose", "warn", "processors", True),
    ("partitions of its own", stream(DynamicPartitioningConfiguration={"Enabled": True}), "firehose", "fail", "dynamic partitioning", False),
    ("a backup", stream(S3BackupMode="Enabled"), "firehose", "warn", "a second time", False),
    ("no forwarder", absent("lambda", "delete_function", FunctionName=FORWARDER), "forwarder", "fail", "no function", False),
    ("no alias", forwarder(alias="other", destination=None, permitted=None), "forwarder", "fail", "no alias `live`", False),
    ("an alias that changes", forwarder(version="$LATEST"), "forwarder", "warn", "$LATEST", True),
    ("another runtime", forwarder(Runtime="provided.al2"), "forwarder", "fail", "provided.al2", False),
    ("little time", forwarder(Timeout=3), "forwarder", "warn", "timeout 3 s", True),
    ("another stream's name", forwarder(stream="other"), "forwarder", "fail", "names another stream", False),
    ("no stream's name", forwarder(stream=None), "forwarder", "fail", "is not set", False),
    ("a variable that is none", forwarder(more={"TRANSECT_SAMPLING": "1"}), "forwarder", "warn", "TRANSECT_SAMPLING", False),
    ("a forwarder that is stopped", forwarder(reserved=0), "forwarder", "fail", "reserved concurrency is 0", True),
    ("nowhere for failures", forwarder(destination=None), "forwarder", "fail", "no on-failure destination", True),
    ("a queue for failures", forwarder(destination=f"arn:aws:sqs:{REGIONS[0]}:{ACCOUNT}:q"), "forwarder", "fail", "not a bucket", True),
    ("another bucket for failures", forwarder(destination="arn:aws:s3:::elsewhere"), "forwarder", "warn", "another bucket", True),
    ("no further tries", forwarder(retries=0), "forwarder", "warn", "again 0 times", True),
    ("no permission", forwarder(permitted=None), "forwarder", "fail", "may not invoke", True),
    ("another account's permission", forwarder(permitted="210987654321"), "forwarder", "fail", "other accounts alone", True),
    ("anybody's permission", forwarder(permitted="any"), "forwarder", "warn", "any account", True),
    ("other code", forwarder(code="two"), "forwarder", "warn", "code ", False),
    ("another release", recorded(FORWARDER, "0.8.0"), "forwarder", "warn", "release 0.8.0 here, 0.9.0 in", False),
    ("a record of other code", recorded(FORWARDER, "0.9.0", OTHER_CODE), "forwarder", "warn", "runs code", False),
    ("no such function", absent("lambda", "delete_function", FunctionName=PAY), "release", "fail", "no such function", False),
    ("no recorded release", unrecorded, "release", "warn", "no recorded release", True),
    ("another release of a function", recorded(PAY, "1.3.0"), "release", "warn", "release 1.3.0 here, 1.4.1 in", False),
    ("a group without a filter", group("/aws/lambda/new", ()), "coverage", "warn", "1 of 3 log groups not forwarded: /aws/lambda/new", True),
    ("no group with a filter", both(*UNFILTERED), "coverage", "fail", "none of 2", True),
    ("another pattern", both(group("/a"), group("/ecs/shop", ((NAME, "ERROR"),))), "coverage", "warn", "/ecs/shop", True),
    ("others' filters", group("/full", (("a", ""), ("b", "")), to=f"{PAY}:live"), "coverage", "warn", "/full", False),
    ("a loop", group(OWN_GROUPS[0], (("mine", ""),)), "coverage", "fail", "a loop", True),
    ("a loop by the policy", both(policy(OWN_GROUPS[0]), *UNFILTERED), "coverage", "fail", OWN_GROUPS[1], True),
    ("twice", policy(*OWN_GROUPS, "/aws/lambda/pay"), "coverage", "warn", "twice", True),
    ("a group that never expires", group("/ecs/shop", retention=None), "coverage", "warn", "1 log group without retention", True),
    ("an own group that never expires", group(OWN_GROUPS[1], (), retention=None), "coverage", "warn", "has no retention", True),
    ("nothing delivered", lambda cloud, region: empty(cloud, region, "landing/"), "delivery", "warn", "nothing was ever delivered", False),
    (
        "nothing delivered for a day",
        lambda cloud, region: age(cloud, region, "landing/", NOW - datetime.timedelta(days=1)),
        "delivery",
        "warn",
        "24 h old",
        False,
    ),
    ("an event that failed", objects(FAILED_KEY, FAILED_EVENT), "failed", "warn", "1 object", True),
    ("an event that failed, elsewhere", objects("failed/region={}/x", FAILED_EVENT), "failed", "warn", "1 object", True),
    ("an event that failed long ago", objects(FAILED_KEY, FAILED_EVENT, days=85), "failed", "fail", "in 5 days", True),
    (
        "a record that was not converted",
        objects(UNCONVERTED_KEY, lambda region: unconverted([row_of(region, 1, BEGIN_MS)])),
        "unconverted",
        "warn",
        "1 object",
        True,
    ),
]


def findings(cloud, *more, environment=None):
    """What the doctor says, by region and check: states, with details in which numbers do not count."""
    answer, rows, whole = cloud.rows("doctor", *lake(), "--function", PAY, *more, environment=environment)
    found = {}
    for row in rows:
        found.setdefault((row["cloud_region"], row["check"]), []).append((row["state"], row["detail"], row["fix"]))
    return answer, found, whole


def states(found):
    return {key: sorted({state for state, _, _ in rows}) for key, rows in found.items()}


def advised(cloud, region, fix):
    """Runs the commands of a fix, as somebody at a shell would who knows the bucket; none where there is none to run."""
    commands = [
        command.replace("BUCKET", bucket_of(region)).replace("RELEASE", "1.4.1").replace("SERVICE", "pay") for command in re.findall(r"`([^`]+)`", fix)
    ]
    commands = [command for command in commands if command.startswith(("aws ", "transect ")) and "doctor" not in command]
    if any(command.startswith("aws ") for command in commands) and not AWS_CLI:
        return None
    for command in commands:
        path = f"{cloud.folder / 'bin'}:{Path(AWS_CLI or TRANSECT).parent}:{os.environ['PATH']}"
        shell = cloud.environment | {"PATH": path, "TRANSECT_LAKE": ",".join(lake()[1::2]), "AWS_PAGER": ""}
        ran = subprocess.run(["sh", "-c", command], cwd=cloud.folder, env=shell, capture_output=True, text=True, timeout=300)
        # 5: nothing was left, where nothing came meanwhile.
        if ran.returncode not in ((0, 5) if "redrive" in command else (0,)):
            return f"{command}: exit code {ran.returncode}: {ran.stderr}"
    return "" if commands else "no command"


def doctors(cloud):
    cloud.begin()
    for region in REGIONS:
        put_region(cloud, region)
    answer, sound, whole = findings(cloud)
    same(
        "doctor: a sound installation",
        (answer.code, whole["complete"], states(sound)),
        (0, True, {(region, each): ["ok"] for region in REGIONS for each in CHECKS}),
    )
    same("doctor: nothing to mend", {fix or "" for rows in sound.values() for _, _, fix in rows}, {""})
    same("doctor: AWS is asked for nothing but reading", cloud.door.writes(), [])
    check(
        "doctor: which release is live",
        all("release 0.9.0" in sound[(region, "forwarder")][-1][1] and "release 1.4.1" in sound[(region, "release")][-1][1] for region in REGIONS),
        sound,
    )
    check("doctor: no bucket's name", "telemetry-" not in answer.out + answer.err, answer.out)

    doctor_finds_what_is_broken(cloud, sound)
    doctor_lets_pass(cloud, sound)
    doctor_reads_the_clock(cloud, sound)
    doctor_says_what_it_cannot_see(cloud, sound)


def doctor_finds_what_is_broken(cloud, sound):
    # In two regions at a time. Of regions that differ the one that comes first counts: that stays as it is.
    half = (len(BREAKS) + 1) // 2
    tried = 0
    for pair in itertools.zip_longest(BREAKS[:half], BREAKS[half:]):
        broken = [(region, *each) for region, each in zip(REGIONS[1:], pair, strict=True) if each]
        # However long all this takes, the newest object is a new one.
        cloud.put(REGIONS[0], newest_key(REGIONS[0]), b"what is in it is not looked at")
        for region, _, damage, *_ in broken:
            damage(cloud, region)
        answer, found, _ = findings(cloud)
        expected, mended = states(found), {}
        for region, what, _, which, state, word, mends in broken:
            rows = found.get((region, which), [])
            worst = [fix for each, detail, fix in rows if each == state and word in detail]
            check(f"doctor: {what}: {which} {state}", answer.code == 1 and worst, (answer.code, rows))
            check(
                f"doctor: {what}: with a fix",
                worst and all(fix for each, _, fix in rows if each in ("warn", "fail")) and "telemetry-" not in answer.out,
                rows,
            )
            expected[(region, which)] = ["ok"]
            if mends and worst:
                mended[(region, which)] = (what, worst[0])
        same(f"doctor: {' and '.join(each[1] for each in broken)}: that, and nothing else", expected, states(sound))
        faults = {}
        for (region, which), (_, fix) in mended.items():
            if "put-function-event-invoke-config" in fix:
                # moto would keep the one that is there beside the one that is put.
                without(cloud.client("lambda", region), "delete_function_event_invoke_config", FunctionName=FORWARDER)
            faults[(region, which)] = advised(cloud, region, fix)
            # moto makes the plain form of the destination of what was changed alone, and that is none.
            firehose_backends[ACCOUNT][region].delivery_streams[NAME].destinations[0].pop("S3", None)
        if any(fault is not None for fault in faults.values()):
            after = states(findings(cloud)[1])
            for key, fault in faults.items():
                if fault is not None:
                    check(f"doctor: {mended[key][0]}: the fix mends it", fault == "" and after.get(key) == ["ok"], (fault, mended[key][1], after.get(key)))
                    tried += 1
            others = {key: value for key, value in after.items() if key not in {(region, which) for region, _, _, which, *_ in broken}}
            same("doctor: and nothing else by it", others, {key: value for key, value in states(sound).items() if key in others})
        for region, *_ in broken:
            put_region(cloud, region)
    print(f"{tried} fixes tried" + ("" if AWS_CLI else ", those alone that need no AWS CLI: there is none"))


def doctor_lets_pass(cloud, sound):
    """What is no finding, and of findings those that are asked for."""
    put_forwarder(cloud, REGIONS[1], weights={"2": 0.1})
    answer, found, _ = findings(cloud)
    check(
        "doctor: a rollout is told, and is no finding",
        answer.code == 0 and any("10 %" in detail for _, detail, _ in found[(REGIONS[1], "forwarder")]),
        found.get((REGIONS[1], "forwarder")),
    )
    put_region(cloud, REGIONS[1])
    put_group(cloud, REGIONS[1], "/aws/lambda/new", retention=None, filters=[])
    answer, found, _ = findings(cloud, "--exclude", "*/new")
    same("doctor --exclude: left out on purpose", (answer.code, states(found)), (0, states(sound)))
    answer, found, _ = findings(cloud, "--match", "/ecs/*")
    same("doctor --match: what is to be forwarded", (answer.code, states(found)), (0, states(sound)))
    put_region(cloud, REGIONS[1])

    # Two findings in two regions, both told.
    put_stream(cloud, REGIONS[0], CompressionFormat="GZIP")
    put_forwarder(cloud, REGIONS[2], permitted=None)
    answer, found, _ = findings(cloud)
    same(
        "doctor: two regions, two findings",
        (answer.code, states(found)),
        (1, states(sound) | {(REGIONS[0], "firehose"): ["fail"], (REGIONS[2], "forwarder"): ["fail"]}),
    )
    answer, found, _ = findings(cloud, "--region", REGIONS[1])
    same(
        "doctor --region: of that region alone",
        (answer.code, states(found)),
        (0, {key: value for key, value in states(sound).items() if key[0] == REGIONS[1]}),
    )
    for region in (REGIONS[0], REGIONS[2]):
        put_region(cloud, region)


def doctor_reads_the_clock(cloud, sound):
    """By our door, which dates the answers."""
    for ahead, state, word in [(600, "fail", "ahead of AWS"), (-600, "fail", "behind AWS"), (60, "warn", "ahead of AWS"), (10, "ok", "ahead of AWS")]:
        cloud.door.ahead_seconds = ahead
        answer, found, _ = findings(cloud)
        cloud.door.ahead_seconds = 0
        expected = states(sound) | {(region, "clock"): [state] for region in REGIONS}
        same(f"doctor: a clock that is {ahead} s ahead", (answer.code, states(found)), (int(state != "ok"), expected))
        check(
            f"doctor: a clock that is {ahead} s ahead: which way",
            all(word in found[(region, "clock")][0][1] for region in REGIONS),
            found[(REGIONS[0], "clock")],
        )


def doctor_says_what_it_cannot_see(cloud, sound):
    """A bucket, a region, a permission, credentials and a lake that are not there."""
    region = REGIONS[2]
    drop_bucket(cloud, region)
    answer, found, whole = findings(cloud)
    expected = states(sound) | {(region, "bucket"): ["fail"]} | {(region, each): ["unknown"] for each in ("delivery", "failed", "unconverted")}
    others = {key: value for key, value in states(found).items() if key not in [(region, "forwarder"), (region, "release")]}
    same(
        "doctor: without a bucket",
        (answer.code, others),
        (1, {key: value for key, value in expected.items() if key not in [(region, "forwarder"), (region, "release")]}),
    )
    check("doctor: without a bucket: why", "does not exist" in found[(region, "bucket")][0][1] and "telemetry-" not in answer.out, found)
    same("doctor: without a bucket: its release records are not known", states(found)[(region, "forwarder")], ["unknown"])
    cloud.make_buckets("spare")
    for each in REGIONS:
        cloud.put(each, newest_key(each), b"what is in it is not looked at", "spare")
    answer, rows, _ = cloud.rows("doctor", *replicated(cloud, NAME, "spare"))
    found = {(row["cloud_region"], row["check"]): row["state"] for row in rows if row["check"] in ("bucket", "delivery")}
    expected = {(each, which): "warn" if (each, which) == (region, "bucket") else "ok" for each in REGIONS for which in ("bucket", "delivery")}
    same("doctor: without a bucket that has a replica", (answer.code, found), (1, expected))
    put_region(cloud, region)
    cloud.door.refused = {region}
    answer, found, whole = findings(cloud)
    cloud.door.refused = set()
    expected = {key: value for key, value in states(sound).items() if key[0] != region} | {(region, "credentials"): ["fail"]}
    same("doctor: without a region that refuses", (answer.code, whole["complete"], whole["missing_regions"], states(found)), (3, False, [region], expected))
    cloud.door.denied = {"DescribeDeliveryStream"}
    answer, found, whole = findings(cloud)
    cloud.door.denied = set()
    same("doctor: without a permission", states(found), states(sound) | {(region, "firehose"): ["unknown"] for region in REGIONS})
    check(
        "doctor: without a permission: which",
        all("firehose:DescribeDeliveryStream" in found[(region, "firehose")][0][2] for region in REGIONS)
        and ACCOUNT not in found[(region, "firehose")][0][1],
        found,
    )
    answer, found, whole = findings(cloud, environment=cloud.keyless)
    same("doctor: without credentials", (answer.code, states(found)), (3, {(region, "credentials"): ["fail"] for region in REGIONS}))
    answer, rows, _ = cloud.rows("doctor", *regions(REGIONS[0]))
    found = {row["check"]: row["state"] for row in rows}
    same("doctor: without a lake", (answer.code, found["bucket"], found["firehose"], found["coverage"]), (1, "fail", "ok", "ok"))
    answer = cloud.run("doctor", *lake(), "--name", "blue")
    check(
        "doctor --name: another deployment, which is not there",
        answer.code == 1 and "blue-forwarder" in answer.out and "no stream `blue`" in answer.out,
        answer,
    )


# --- Main --------------------------------------------------------------------------------------------------------------------------


def regions_are_known(cloud):
    """Those that botocore knows, in all partitions; a dry run with no endpoint, which asks nobody."""
    session = boto3.Session()
    names = sorted({name for partition in session.get_available_partitions() for name in session.get_available_regions("logs", partition)})
    environment = {name: value for name, value in cloud.environment.items() if name != "AWS_ENDPOINT_URL"}
    answer = cloud.run("tail", "--dry-run", *regions(*names), environment=environment)
    check(f"{len(names)} regions of botocore are known", answer.code == 0 and len(names) > 30, answer.err)
    answer = cloud.run("tail", "--dry-run", "--region", "us-esat-2", environment=environment)
    check("another is not, and the nearest is told", answer.code == 2 and "did you mean `us-east-2`?" in answer.err, answer)


def main():
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    WORK.mkdir(parents=True, exist_ok=True)
    cloud = Cloud()
    parts = [regions_are_known, moto_is_not_aws, subscribes, backfills, tails, redrives, doctors]
    for part in parts:
        if len(sys.argv) < 4 or part.__name__ in sys.argv[3:]:
            part(cloud)


main()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
