"""LocalStack as an outside judge of a region as a whole: deploy/cfn/region.yaml is deployed, CloudWatch Logs gets events, its
subscription invokes the alias of the real forwarder, that delivers to Firehose, Firehose writes to S3, and the commands find
everything again: `subscribe`, `sql`, `logs`, `trace`, `backfill`, `failed`, `redrive` and `doctor`, which have one endpoint for all of AWS.

Usage: localstack_runs_a_region.py TRANSECT FORWARDER WORK_FOLDER, by the Python that has LocalStack (requirements/localstack.txt).

What is ours and not LocalStack's is said where it is: Firehose's conversion, the hand that Lambda lends to what it gave up, and the
process that a function is (localstack_host.py). It refuses to take LocalStack for AWS: what it does not prove is printed at the end, each
edit of the template must still be needed, and no address but loopback is listened on or spoken to.
"""

import base64
import contextlib
import datetime
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
import urllib.request
import zipfile
from collections import Counter, namedtuple
from pathlib import Path

import boto3
import duckdb
from botocore.config import Config

TRANSECT, FORWARDER = (os.path.abspath(path) for path in sys.argv[1:3])
WORK = Path(sys.argv[3]).resolve()
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REGION, ACCOUNT, NAME = "us-east-2", "000000000000", "transect"
BUCKET, CODE_BUCKETS = f"{NAME}-telemetry-{ACCOUNT}-{REGION}", "example-transect-code"
FUNCTION = f"{NAME}-forwarder"
LIVE = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}:live"
CHECKOUT, PAYMENTS = "/aws/lambda/checkout", "/aws/lambda/payments"
STREAMS = {CHECKOUT: ["one", "two"], PAYMENTS: ["one", "big"]}
UTC = datetime.UTC
# Far beyond what anything here takes on a busy machine of two cores.
BEGIN_SECONDS_MAX, ARRIVE_SECONDS_MAX = 180, 120
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
UNPROVEN = [
    "IAM: LocalStack lets everybody do everything, so no policy, role or permission of the template was needed",
    "the account's subscription policy: LocalStack has none, so Subscribe=policy and `subscribe --policy account` were not tried, and that there is none was our answer",
    "S3 as Lambda's destination of failures: a queue took them here, and this judge put them into the bucket",
    "Firehose's conversion to Parquet, its buffers and its prefixes: this judge read what was sent and wrote what Firehose would",
    "KMS, quotas, throttling, prices, times and sizes at which AWS says no",
    "Glue, the dashboard and Athena: LocalStack's free part only pretends to make them",
    "retention of log groups, lifecycle of the bucket, names of the template's filters, metrics: LocalStack passes over them",
    "CloudWatch Logs invoking asynchronously, and minutes between Lambda's tries: the first was told to LocalStack, the second were seconds",
]

passed = failed = 0
said_last = ""


def check(name, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print("holds" if good else "DOES NOT HOLD", name, "" if good else str(detail)[:3000], flush=True)


def same(name, found, expected):
    check(name, found == expected, f"{found!r}, not {expected!r}; the program said last: {said_last!r}")


class GivenUp(Exception):
    """What follows stands on something that did not come."""


def waited_for(name, seconds_max, is_there, detail=lambda: ""):
    """Asks until it is there; what follows needs it."""
    until = time.monotonic() + seconds_max
    while not (found := is_there()):
        if time.monotonic() > until:
            check(name, False, f"not within {seconds_max} s; {detail()}")
            raise GivenUp(name)
        time.sleep(0.2)
    check(name, True)
    return found


# --- LocalStack -----------------------------------------------------------------------------------------------------------------


class Host:
    """LocalStack, from its begin to its end."""

    def __init__(self):
        self.folder = WORK / "localstack"
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "tmp").mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            # Also where this machine is a container, it has no other place for its files.
            "OVERRIDE_IN_DOCKER": "0",
            "FILESYSTEM_ROOT": str(self.folder / "files"),
            "GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
            # Nothing is told, asked for or served outside of this machine.
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            # Retries come after one and two of these, instead of a minute each.
            "LAMBDA_RETRY_BASE_DELAY": "1",
        }
        self.log = open(self.folder / "log.txt", "wb")
        command = [sys.executable, str(HERE / "localstack_host.py")]
        self.process = subprocess.Popen(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def is_up(self):
        if self.process.poll() is not None:
            raise GivenUp(f"LocalStack ended with code {self.process.returncode}: {self.said()}")
        with contextlib.suppress(OSError, ValueError):
            with urllib.request.urlopen(f"{self.endpoint}/_localstack/health", timeout=5) as answer:
                return json.load(answer)
        return None

    def said(self):
        return (self.folder / "log.txt").read_text(errors="replace")[-2000:]

    def processes(self):
        """It and what it started."""
        found = {self.process.pid}
        while more := {int(stat.parent.name) for stat in Path("/proc").glob("[0-9]*/stat") if parent_of(stat) in found} - found:
            found |= more
        return found

    def listens_on(self):
        """Every address on which it or what it started listens."""
        sockets = set()
        for process in self.processes():
            for file in Path(f"/proc/{process}/fd").glob("*"):
                with contextlib.suppress(OSError):
                    sockets.add(os.readlink(file))
        addresses = set()
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                _, local, _, state, *fields = line.split()
                if state == "0A" and f"socket:[{fields[5]}]" in sockets:
                    addresses.add(local.split(":")[0])
        return addresses

    def end(self):
        """At once: nothing of it is kept."""
        self.process.kill()
        self.process.wait()
        self.log.close()


def parent_of(stat):
    # Processes come and go; names may hold blanks and parentheses.
    with contextlib.suppress(OSError):
        return int(stat.read_text().rpartition(")")[2].split()[1])
    return None


Answer = namedtuple("Answer", "code out err")


class Cloud:
    """The services of the region, and the program before them."""

    def __init__(self, host):
        self.host = host
        config = Config(retries={"max_attempts": 2}, read_timeout=120, s3={"addressing_style": "path"})
        for name in ("cloudformation", "cloudwatch", "firehose", "lambda", "logs", "s3", "sqs"):
            setattr(self, name.replace("lambda", "functions"), boto3.client(name, region_name=REGION, endpoint_url=host.endpoint, config=config, **KEYS))
        self.folder = WORK / "program"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AWS_ENDPOINT_URL": host.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TRANSECT_LAKE": f"{REGION}=s3://{BUCKET}",
        }

    def run(self, *arguments):
        ran = subprocess.run([TRANSECT, *arguments], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        global said_last
        said_last = ran.stderr
        return Answer(ran.returncode, ran.stdout, ran.stderr)

    def rows(self, *arguments):
        """A run that answers in rows: they, and what it was."""
        answer = self.run(*arguments, "--format", "json")
        try:
            found = json.loads(answer.out)
        except ValueError:
            return answer, []
        return answer, found["rows"] if found["complete"] else []

    def keys(self, prefix=""):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {entry["Key"]: entry["LastModified"] for page in pages for entry in page.get("Contents", [])}

    def body(self, key):
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


# --- Installation -----------------------------------------------------------------------------------------------------------------

# What LocalStack does not take as AWS does, and how each is put instead. The last one is also how a failure comes back to this judge.
EDITS = [
    ("it takes no `${!…}` of Fn::Sub", "/landing/region=${!region}/date=${!date}/hour=${!hour}/", "/landing/"),
    ("it has an AWS::URLSuffix of its own", 'Principal: !Sub "logs.${AWS::URLSuffix}"', "Principal: logs.amazonaws.com"),
    ("it takes no bucket as destination of failures", "OnFailure: {Destination: !GetAtt Bucket.Arn}", "OnFailure: {Destination: QUEUE}"),
]
# LocalStack's free part passes over these.
PRETENDED = {"AWS::Glue::Database", "AWS::Glue::Table", "AWS::CloudWatch::Dashboard"}


def packed(program):
    """The zip that Lambda is given. What only a debugger reads stays out: the dev build has much of it."""
    bootstrap = WORK / "bootstrap"
    shutil.copyfile(program, bootstrap)
    if strip := shutil.which("strip"):
        subprocess.run([strip, "--strip-debug", bootstrap], check=True)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
        entry.external_attr = 0o755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        file.writestr(entry, bootstrap.read_bytes())
    return archive.getvalue()


def deployed(cloud):
    template = (ROOT / "deploy/cfn/region.yaml").read_text()
    queue = cloud.sqs.create_queue(QueueName="given-up")["QueueUrl"]
    queue_arn = cloud.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for why, old, new in EDITS:
        same(f"the template has one place for the edit: {why}", template.count(old), 1)
        template = template.replace(old, new.replace("QUEUE", queue_arn))

    code = packed(FORWARDER)
    digest = hashlib.sha256(code)
    key = f"transect-forwarder/0.0.0/{digest.hexdigest()}/transect-forwarder-x86_64.zip"
    cloud.s3.create_bucket(Bucket=f"{CODE_BUCKETS}-{REGION}", CreateBucketConfiguration={"LocationConstraint": REGION})
    cloud.s3.put_object(Bucket=f"{CODE_BUCKETS}-{REGION}", Key=key, Body=code)
    cloud.s3.create_bucket(Bucket="templates", CreateBucketConfiguration={"LocationConstraint": REGION})
    cloud.s3.put_object(Bucket="templates", Key="region.yaml", Body=template.encode())
    # All of them at once: LocalStack fails to make a stream in a group that is subscribed.
    for group, streams in STREAMS.items():
        cloud.logs.create_log_group(logGroupName=group)
        for stream in streams:
            cloud.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    sha256 = base64.b64encode(digest.digest()).decode()
    values = {
        "CodeBucketPrefix": CODE_BUCKETS,
        "CodeKey": key,
        "CodeSha256": sha256,
        "Subscribe": "groups",
        "LogGroups": CHECKOUT,
        # So small that a payload can be refused.
        "MaxDecodedMib": "1",
    }
    cloud.cloudformation.create_stack(
        StackName=NAME,
        TemplateURL=f"{cloud.host.endpoint}/templates/region.yaml",
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )

    def status():
        return cloud.cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]

    def events():
        listed = cloud.cloudformation.describe_stack_events(StackName=NAME)["StackEvents"]
        return [(event["LogicalResourceId"], event.get("ResourceStatusReason")) for event in listed if event["ResourceStatus"].endswith("FAILED")]

    waited_for("the stack is no longer being made", ARRIVE_SECONDS_MAX, lambda: not status()["StackStatus"].endswith("IN_PROGRESS"), events)
    same("the stack is made", (status()["StackStatus"], events()), ("CREATE_COMPLETE", []))
    if failed:
        raise GivenUp("the stack is not as it should be")
    return queue, sha256


def is_installed(cloud, sha256):
    """What was made, as the services tell it."""
    listed = cloud.cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
    made = [resource["ResourceType"] for resource in listed if resource["ResourceType"] not in PRETENDED]
    same("33 resources, of which 30 are more than pretended", (len(listed), len(made)), (33, 30))
    live = cloud.functions.get_alias(FunctionName=FUNCTION, Name="live")
    function = cloud.functions.get_function_configuration(FunctionName=FUNCTION, Qualifier=live["FunctionVersion"])
    same("the alias is of version 1, which has our bytes", (live["AliasArn"], live["FunctionVersion"], function["CodeSha256"]), (LIVE, "1", sha256))
    same("the forwarder knows its stream", function["Environment"]["Variables"]["TRANSECT_DELIVERY_STREAM"], NAME)
    tried = cloud.functions.get_function_event_invoke_config(FunctionName=FUNCTION, Qualifier="live")
    kept = {name: tried[name] for name in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")}
    same("a failed event is tried twice more, for 6 h", (kept["MaximumRetryAttempts"], kept["MaximumEventAgeInSeconds"]), (2, 21600))
    # LocalStack goes by the settings of the version; Lambda by those of the alias that was invoked.
    cloud.functions.put_function_event_invoke_config(FunctionName=FUNCTION, Qualifier="1", **kept)
    # LocalStack gives the filter of a template its group's name instead of FilterName.
    same("the group of the template is subscribed, for the alias", filters(cloud, CHECKOUT), [(CHECKOUT, "", LIVE)])
    stream = cloud.firehose.describe_delivery_stream(DeliveryStreamName=NAME)["DeliveryStreamDescription"]
    same("the stream takes records", (stream["DeliveryStreamStatus"], stream["DeliveryStreamType"]), ("ACTIVE", "DirectPut"))
    same("the bucket keeps versions", cloud.s3.get_bucket_versioning(Bucket=BUCKET).get("Status"), "Enabled")
    alarms = [alarm["AlarmName"] for page in cloud.cloudwatch.get_paginator("describe_alarms").paginate() for alarm in page["MetricAlarms"]]
    same("16 alarms, each with the name of the installation", (len(alarms), [name for name in alarms if not name.startswith(f"{NAME}-")]), (16, []))


def filters(cloud, group):
    found = cloud.logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    return [(each["filterName"], each["filterPattern"], each["destinationArn"]) for each in found]


# --- What is written ----------------------------------------------------------------------------------------------------------------

ORDERS, DECLINED = 24, 3
SECRET = "correct-horse-battery"
# Two bytes each, and six in the JSON of a subscription: what PutLogEvents takes is beyond what the forwarder decodes.
BIG_EVENTS, BIG = 4, "\u00e9" * 100_000


def trace_id(number):
    return hashlib.sha256(f"order {number}".encode()).hexdigest()[:32]


def line(level, message, **more):
    return json.dumps({"level": level, "message": message} | more)


def put_events(cloud, group, stream, messages):
    """So many calls that the forwarder is invoked more than once."""
    for start in range(0, len(messages), 10):
        now = int(time.time() * 1000)
        events = [{"timestamp": now + index, "message": message} for index, message in enumerate(messages[start : start + 10])]
        cloud.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def events_of(cloud, group):
    """What CloudWatch has, by its own ids."""
    pages = cloud.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    return {(group, event["logStreamName"], event["eventId"]): event["message"] for page in pages for event in page["events"]}


def sent(cloud):
    """Every record that Firehose was sent and wrote as it was, by its object."""
    return {key: cloud.body(key).decode().splitlines() for key in cloud.keys("landing/") if not key.endswith(".parquet")}


def identity(row):
    return row["aws_log_group"], row["aws_log_stream"], row["event_id"].split("/")[0]


def arrive(cloud, group):
    """Waits until Firehose has what CloudWatch has of a group; a record of each event, and none twice."""
    wanted = events_of(cloud, group)

    def found():
        rows = [json.loads(record) for records in sent(cloud).values() for record in records]
        return [row for row in rows if row["aws_log_group"] == group]

    def detail():
        there = {identity(row) for row in found()}
        return f"{len(wanted.keys() - there)} of {len(wanted)} events are missing: {cloud.host.said()}"

    name = f"{len(wanted)} events of {group} come out of Firehose"
    waited_for(name, ARRIVE_SECONDS_MAX, lambda: {identity(row) for row in found()} >= wanted.keys(), detail)
    rows = found()
    same(f"of {group} each is there once", (len(rows), {identity(row) for row in rows}), (len(wanted), set(wanted)))
    return rows


def checkout_writes(cloud):
    """By the subscription that the template made."""
    messages = [line("INFO", f"order {number} taken", service="checkout", trace_id=trace_id(number), order=number) for number in range(ORDERS)]
    put_events(cloud, CHECKOUT, "one", messages[::2])
    put_events(cloud, CHECKOUT, "two", [*messages[1::2], line("WARN", f"signing in with password={SECRET}", service="checkout")])
    rows = arrive(cloud, CHECKOUT)
    objects = sent(cloud)
    same("4 calls of PutLogEvents are 4 invocations and 4 objects", len(objects), 4)
    same("every object lies below the stream's prefix", [key for key in objects if not key.startswith(f"landing/region={REGION}/date=")], [])
    same("rows name region and account", {(row["cloud_region"], row["cloud_account_id"]) for row in rows}, {(REGION, ACCOUNT)})
    same("no secret reaches the bucket", [row["body"] for row in rows if SECRET in json.dumps(row)], [])


def payments_is_subscribed(cloud):
    """By `transect subscribe`: what is left, the same put right, and nothing left."""

    def subscribe(*more):
        answer, rows = cloud.rows("subscribe", "--region", REGION, *more)
        return answer.code, {row["log_group"]: (row["state"], row["action"]) for row in rows}

    own = {f"/aws/lambda/{FUNCTION}": ("own", "none"), f"/aws/kinesisfirehose/{NAME}": ("own", "none")}
    covered = own | {CHECKOUT: ("covered", "none"), PAYMENTS: ("covered", "none")}
    same("subscribe --plan: one group is left", subscribe("--plan"), (0, covered | {PAYMENTS: ("missing", "put_filter")}))
    same("subscribe --plan changes nothing", filters(cloud, PAYMENTS), [])
    same("subscribe --apply puts it right", subscribe("--apply"), (0, covered))
    same("subscribe --apply has made the filter", filters(cloud, PAYMENTS), [(NAME, "", LIVE)])
    same("subscribe --apply, again, has nothing to do", (subscribe("--apply"), filters(cloud, PAYMENTS)), ((0, covered), [(NAME, "", LIVE)]))
    same("subscribe leaves the pipeline's own groups alone", [filters(cloud, group) for group in own], [[], []])


def payments_writes(cloud):
    messages = []
    for number in range(ORDERS):
        is_declined = number < DECLINED
        text = f"card of order {number} declined" if is_declined else f"order {number} charged"
        messages.append(line("ERROR" if is_declined else "INFO", text, service="payments", trace_id=trace_id(number), order=number))
    put_events(cloud, PAYMENTS, "one", messages)
    arrive(cloud, PAYMENTS)


def forwarder_gives_up(cloud, queue):
    """A payload that is refused is tried again and given up, and Lambda's record of it is carried into the bucket, as Lambda does."""
    put_events(cloud, PAYMENTS, "big", [line("INFO", f"{number} {BIG}", service="payments") for number in range(BIG_EVENTS)])
    said = waited_for(
        "Lambda gives up a payload that the forwarder refuses",
        ARRIVE_SECONDS_MAX,
        lambda: cloud.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"),
        cloud.host.said,
    )
    records = [json.loads(message["Body"]) for message in said]
    told = [(record["requestContext"]["condition"], record["requestContext"]["approximateInvokeCount"], record["responsePayload"]["errorType"]) for record in records]
    same("it was tried three times, and refused in words", told, [("RetriesExhausted", 3, "Transect.Undecodable")])
    document = json.loads(gzip.decompress(base64.b64decode(records[0]["requestPayload"]["awslogs"]["data"])))
    same("the whole payload is kept", len(document["logEvents"]), BIG_EVENTS)
    now = datetime.datetime.now(UTC)
    key = f"aws/lambda/async/{FUNCTION}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{records[0]['requestContext']['requestId']}"
    cloud.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(records[0]).encode())


# --- Firehose's conversion, which is ours -------------------------------------------------------------------------------------------

TYPES = {"bigint": ("BIGINT", int), "int": ("INTEGER", int), "double": ("DOUBLE", (int, float)), "boolean": ("BOOLEAN", bool), "string": ("VARCHAR", str)}


def converted(cloud):
    """Puts the Parquet that Firehose would write in the place of what LocalStack's wrote: by the committed columns, below the hour of
    arrival, and what does not fit below `errors/`. How many rows became of it, and how many not."""
    columns = {column["Name"]: TYPES[column["Type"]] for column in json.loads((ROOT / "deploy/generated/glue-columns.json").read_text())}
    fit, unfit, arrivals = Counter(), [], cloud.keys("landing/")
    for key, records in sent(cloud).items():
        arrival, rows = arrivals[key], []
        for record in records:
            row = json.loads(record)
            if all(row.get(name) is None or isinstance(row[name], kind) for name, (_, kind) in columns.items()):
                rows.append([row.get(name) for name in columns])
            else:
                unfit.append((arrival, record))
        if rows:
            put_parquet(cloud, arrival, key, columns, rows)
            fit[key] = len(rows)
        cloud.s3.delete_object(Bucket=BUCKET, Key=key)
    for number, (arrival, record) in enumerate(unfit):
        folder = f"errors/region={REGION}/format-conversion-failed/date={arrival:%Y-%m-%d}/hour={arrival:%H}"
        arrival_ms = int(arrival.timestamp() * 1000)
        kept = {
            "attemptsMade": 1,
            "arrivalTimestamp": arrival_ms,
            "lastErrorCode": "DataFormatConversion.MalformedData",
            "lastErrorMessage": "Data does not match the schema.",
            "attemptEndingTimestamp": arrival_ms,
            "rawData": base64.b64encode(f"{record}\n".encode()).decode(),
        }
        cloud.s3.put_object(Bucket=BUCKET, Key=f"{folder}/{NAME}-1-{number}", Body=json.dumps(kept).encode() + b"\n")
    return sum(fit.values()), len(unfit)


def put_parquet(cloud, arrival, key, columns, rows):
    file = WORK / "rows.parquet"
    with duckdb.connect() as database:
        database.execute("CREATE TABLE rows (" + ", ".join(f'"{name}" {kind}' for name, (kind, _) in columns.items()) + ")")
        database.executemany(f"INSERT INTO rows VALUES ({', '.join('?' for _ in columns)})", rows)
        database.execute(f"COPY rows TO '{file}' (FORMAT parquet, COMPRESSION snappy)")
    folder = f"landing/region={REGION}/date={arrival:%Y-%m-%d}/hour={arrival:%H}"
    cloud.s3.put_object(Bucket=BUCKET, Key=f"{folder}/{NAME}-1-{arrival:%Y-%m-%d-%H-%M-%S}-{key[-36:]}.parquet", Body=file.read_bytes())


def unconverted_row(cloud):
    """Straight into the stream: a row that does not fit the columns, because a number is a text."""
    now = time.time_ns()
    row = {
        "time_unix_nano": now,
        "observed_time_unix_nano": now,
        "event_id": "0" * 55 + "1",
        "signal": "log",
        "body": "a status that is a text",
        "service_name": "unconverted",
        "http_response_status_code": "502",
        "cloud_account_id": ACCOUNT,
        "cloud_region": REGION,
        "aws_log_group": "/aws/lambda/unconverted",
        "aws_log_stream": "one",
        "schema_version": 1,
    }
    cloud.firehose.put_record(DeliveryStreamName=NAME, Record={"Data": json.dumps(row).encode() + b"\n"})


# --- What is asked ------------------------------------------------------------------------------------------------------------------

COUNTS = "SELECT service_name AS s, severity_text AS l, count(*) AS n FROM logs GROUP BY 1, 2"
DELIVERED = {("checkout", "INFO"): ORDERS, ("checkout", "WARN"): 1, ("payments", "INFO"): ORDERS - DECLINED, ("payments", "ERROR"): DECLINED}
REDRIVEN = DELIVERED | {("payments", "INFO"): ORDERS - DECLINED + BIG_EVENTS, ("unconverted", None): 1}


def counted(cloud, name, expected):
    answer, rows = cloud.rows("sql", COUNTS)
    found = {(row["s"], row["l"]): row["n"] for row in rows}
    same(f"sql: {name}: {sum(expected.values())} records by service and level", (answer.code, found), (0, expected))
    return answer


def lake_answers(cloud):
    counted(cloud, "what was delivered", DELIVERED)
    answer, rows = cloud.rows("sql", f"SELECT count(*) AS n FROM telemetry WHERE body LIKE '%{SECRET}%' OR attributes LIKE '%{SECRET}%'")
    same("sql: no secret is in the lake", (answer.code, rows), (0, [{"n": 0}]))

    answer, rows = cloud.rows("logs", "--level", "error")
    same("logs --level error: the declined ones", (answer.code, [row["body"] for row in rows]), (0, [f"card of order {number} declined" for number in range(DECLINED)]))
    answer = cloud.run("logs", "taken", "--service", "checkout", "--utc")
    same("logs TEXT --service: a line each", (answer.code, len(answer.out.splitlines()), answer.out.count(" taken")), (0, ORDERS, ORDERS))
    same("logs: nothing found is code 5", cloud.run("logs", "--service", "nobody").code, 5)

    for number, said in [(0, "card of order 0 declined"), (ORDERS - 1, f"order {ORDERS - 1} charged")]:
        answer = cloud.run("trace", trace_id(number), "--format", "json")
        found = json.loads(answer.out or "{}")
        told = [(record["service_name"], record["body"]) for record in found.get("records", [])]
        expected = [("checkout", f"order {number} taken"), ("payments", said)]
        same(f"trace: order {number}, in both services", (answer.code, told, found.get("error_count")), (0, expected, int(number < DECLINED)))
    same("trace: an id that nothing has is code 5", cloud.run("trace", trace_id(ORDERS)).code, 5)


def left(cloud):
    """What `failed` tells."""
    answer, rows = cloud.rows("failed")
    return answer.code, {(row["source"], row["cause"]): (row["objects"], row["events"]) for row in rows}


# What the doctor finds because LocalStack is not AWS: it pretends the Glue table, its templates set no retention, it cannot be asked for
# metrics in one go; and the queue, which is ours.
STRANGE = {"firehose": {"warn"}, "coverage": {"warn"}, "skipped": {"unknown"}, "forwarder": {"fail"}}
SOUND = {check: {"ok"} for check in ("credentials", "bucket", "delivery", "clock", "failed", "unconverted")}


def examined(cloud, *more):
    answer, rows = cloud.rows("doctor", *more)
    found = {}
    for row in rows:
        found.setdefault(row["check"], set()).add(row["state"])
    return answer.code, found


def undelivered_is_redriven(cloud):
    undelivered = {("failed", "Transect.Undecodable"): (1, BIG_EVENTS), ("errors", "DataFormatConversion.MalformedData"): (1, 1)}
    same("failed: what was left, by cause", left(cloud), (0, undelivered))
    same("doctor: what is left, and what is LocalStack's", examined(cloud), (1, SOUND | STRANGE | {"failed": {"warn"}, "unconverted": {"warn"}}))

    answer, rows = cloud.rows("redrive", "--dry-run")
    same("redrive --dry-run changes nothing", (answer.code, left(cloud)), (0, (0, undelivered)))
    answer, rows = cloud.rows("redrive")
    done = {row["source"]: (row["objects"], row["delivered"], row["records"], row["left"]) for row in rows}
    same("redrive: everything is delivered", (answer.code, done), (0, {"failed": (1, 1, BIG_EVENTS, 0), "errors": (1, 1, 1, 0)}))
    counted(cloud, "with what was redriven", REDRIVEN)
    kept = sorted(key.split("/")[1] for key in cloud.keys("redriven/"))
    same("redrive: the originals are kept", kept, ["aws", "errors"])
    same("failed: nothing is left", left(cloud), (5, {}))
    same("redrive: again, there is nothing to do", cloud.run("redrive").code, 5)
    same("doctor: nothing is left", examined(cloud), (1, SOUND | STRANGE))


def cloudwatch_is_backfilled(cloud):
    """The same events once more, by way of CloudWatch: their ids are the same, and they count once."""
    written = sum(REDRIVEN.values()) - 1
    answer = cloud.run("backfill", "--group", CHECKOUT, "--group", PAYMENTS, "--since", "1h", "--until", "now", "--format", "json")
    found = json.loads(answer.out or "{}")
    told = {name: found.get(name) for name in ("groups", "events", "records", "complete")}
    same("backfill: everything that was written", (answer.code, told), (0, {"groups": 2, "events": written, "records": written, "complete": True}))
    answer, rows = cloud.rows("sql", "SELECT count(*) AS n FROM telemetry")
    same("backfill: it lies there twice", (answer.code, rows), (0, [{"n": 2 * written + 1}]))
    counted(cloud, "and counts once", REDRIVEN)


def main():
    # A judge that is ended ends what it started, also by way of `finally`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Whatever this machine has for AWS and for a network is not meant here.
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    WORK.mkdir(parents=True, exist_ok=True)
    host = Host()
    try:
        waited_for("LocalStack begins", BEGIN_SECONDS_MAX, host.is_up, host.said)
        cloud = Cloud(host)
        queue, sha256 = deployed(cloud)
        is_installed(cloud, sha256)
        checkout_writes(cloud)
        payments_is_subscribed(cloud)
        payments_writes(cloud)
        forwarder_gives_up(cloud, queue)
        unconverted_row(cloud)
        same("Firehose converts all but one record", converted(cloud), (sum(DELIVERED.values()), 1))
        lake_answers(cloud)
        undelivered_is_redriven(cloud)
        cloudwatch_is_backfilled(cloud)
        same("it listens on loopback alone", host.listens_on(), {"0100007F"})
        check("its files lie below the judge's folder", (host.folder / "files").is_dir())
    except GivenUp as reason:
        check("everything was tried", False, reason)
    except Exception:
        check("everything was tried", False, traceback.format_exc())
    finally:
        host.end()


main()
for text in UNPROVEN:
    print("not proven:", text)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
