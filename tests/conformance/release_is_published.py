"""moto's S3 and Lambda as outside judges of deploy/release/publish.sh: three regions must hold the same bytes and the map must say
so, the second run must change nothing, and a release must not get other bytes or a map while a region fails.

Usage: release_is_published.py TRANSECT. It refuses to trust moto where moto checks nothing: those places are asserted to be so, and
what publish.sh sends there is read from the calls of the AWS CLI, which it finds on PATH as a recorder of ours before the real one
(PyPI's awscli, beside the running Python). It refuses any network but loopback. jq is needed.
"""
import base64
import hashlib
import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import boto3
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

transect = os.path.abspath(sys.argv[1])
PUBLISH = Path(__file__).resolve().parents[2] / "deploy/release/publish.sh"
REAL_AWS = Path(sys.executable).parent / "aws"
REGIONS = ["us-east-2", "us-west-2", "eu-west-2"]
ACCOUNT, PREFIX, FUNCTION = "123456789012", "acme-code", "transect-forwarder"
WRITES = {"put-object", "update-function-code", "publish-version"}

# Notes every call. Those that the file of faults names, by region and operation, fail as the CLI does, or answer what is given there.
RECORDER = """#!{python}
import json, os, sys
arguments = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps(arguments) + "\\n")
for region, operation, complaint in json.load(open({faults!r})):
    if region == arguments[arguments.index("--region") + 1] and operation in arguments:
        if isinstance(complaint, dict):
            print(json.dumps(complaint))
            sys.exit(0)
        print("\\nAn error occurred " + complaint, file=sys.stderr)
        sys.exit(255)
os.execv({aws!r}, [{aws!r}, *arguments])
"""

passed = failed = 0


def check(name, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print("holds" if good else "DOES NOT HOLD", name, detail if not good else "", flush=True)


def zipped(text):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0)), text)
    return file.getvalue()


def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()


def sha256_base64(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def key_of(release, data, architecture):
    return f"transect-forwarder/{release}/{sha256_hex(data)}/transect-forwarder-{architecture}.zip"


class Cloud:
    """Three regions of moto, and publish.sh before them."""

    def __init__(self, folder, endpoint):
        self.folder, self.endpoint = folder, endpoint
        self.log, self.faults, self.map = folder / "calls.ndjson", folder / "faults.json", folder / "release-map.json"
        (folder / "bin").mkdir()
        recorder = folder / "bin" / "aws"
        recorder.write_text(RECORDER.format(python=sys.executable, log=str(self.log), faults=str(self.faults), aws=str(REAL_AWS)))
        recorder.chmod(0o755)
        self.keys = {"endpoint_url": endpoint, "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TRANSECT_"))}
        self.environment = plain | {
            "HOME": str(folder), "PATH": f"{folder / 'bin'}:{plain['PATH']}", "AWS_ENDPOINT_URL": endpoint, "AWS_MAX_ATTEMPTS": "1",
            "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service, region):
        return boto3.client(service, region_name=region, **self.keys)

    def publish(self, step, *options, release="1.4.2", regions=None, zips="zips", faults=()):
        self.log.write_text("")
        self.faults.write_text(json.dumps(list(faults)))
        command = [str(PUBLISH), step, "--release", release, "--region", ",".join(regions or REGIONS), "--zips", zips, *options]
        if step != "map":
            command += ["--prefix", PREFIX]
        if step != "upload":
            command += ["--function", FUNCTION]
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)

    def calls(self, *operations):
        calls = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [call for call in calls if any(operation in call for operation in operations)]

    def objects(self, region):
        s3 = self.client("s3", region)
        listed = s3.list_objects_v2(Bucket=f"{PREFIX}-{region}").get("Contents", [])
        return {entry["Key"]: s3.get_object(Bucket=f"{PREFIX}-{region}", Key=entry["Key"])["Body"].read() for entry in listed}

    def versions(self, region):
        versions = self.client("lambda", region).list_versions_by_function(FunctionName=FUNCTION)["Versions"]
        return {version["Version"]: version["CodeSha256"] for version in versions if version["Version"] != "$LATEST"}

    def place(self, release, x86_64, arm64=None, folder="zips"):
        (self.folder / folder).mkdir(exist_ok=True)
        (self.folder / folder / "transect-forwarder-x86_64.zip").write_bytes(x86_64)
        if arm64:
            (self.folder / folder / "transect-forwarder-arm64.zip").write_bytes(arm64)
        return key_of(release, x86_64, "x86_64")


def option(call, name):
    """What an option of a call was given; None without it."""
    return call[call.index(name) + 1] if name in call else None


def outcome(result):
    return f"exit {result.returncode}\n{result.stdout}{result.stderr}"


def moto_skips(cloud):
    """What the rest must not rest on. When one of these fails, moto has learnt to check it, and so may this file."""
    s3, function = cloud.client("s3", "us-east-2"), cloud.client("lambda", "us-east-2")
    bucket = f"{PREFIX}-us-east-2"
    s3.put_object(Bucket=bucket, Key="skips", Body=b"a", ChecksumAlgorithm="SHA256", ChecksumSHA256=sha256_base64(b"b"))
    head = s3.head_object(Bucket=bucket, Key="skips", ChecksumMode="ENABLED", ExpectedBucketOwner="210987654321")
    check("moto takes a checksum of other bytes and says it again", head["ChecksumSHA256"] == sha256_base64(b"b"))
    check("moto asks for no bucket owner", head["ContentLength"] == 1)
    s3.delete_object(Bucket=bucket, Key="skips")
    check("moto lists versions of a function that is not there", function.list_versions_by_function(FunctionName="skips")["Versions"] == [])
    create_function(function, "skips", zipped("skips"))
    first = function.publish_version(FunctionName="skips", CodeSha256=sha256_base64(b"other"))
    check("moto publishes a version against another checksum", first["Version"] == "1", str(first))
    function.delete_function(FunctionName="skips")


def create_function(client, name, code):
    client.create_function(FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Code={"ZipFile": code},
                           Role=f"arn:aws:iam::{ACCOUNT}:role/forwarder")


def main(folder, endpoint):
    cloud = Cloud(folder, endpoint)
    iam = cloud.client("iam", "us-east-1")
    iam.create_role(RoleName="forwarder", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
    for region in REGIONS:
        cloud.client("s3", region).create_bucket(Bucket=f"{PREFIX}-{region}", CreateBucketConfiguration={"LocationConstraint": region})
    moto_skips(cloud)

    intel, arm, other = zipped("x86_64 of 1.4.2"), zipped("arm64 of 1.4.2"), zipped("another build")
    key = cloud.place("1.4.2", intel, arm)
    cloud.place("1.4.2", other, folder="other")
    wanted = {key: intel, key_of("1.4.2", arm, "arm64"): arm}

    result = cloud.publish("upload", "--dry-run")
    check("a dry run uploads nothing", result.returncode == 0 and result.stdout.count("would upload") == 6 and not cloud.calls(*WRITES)
          and not any(cloud.objects(region) for region in REGIONS), outcome(result))
    result = cloud.publish("upload")
    check("three regions hold the same bytes", result.returncode == 0 and all(cloud.objects(region) == wanted for region in REGIONS), outcome(result))
    puts = cloud.calls("put-object")
    check("it prints what the templates take", f"CodeKey={key}\nCodeSha256={sha256_base64(intel)}\n" in result.stdout, outcome(result))
    sums = {sha256_base64(intel), sha256_base64(arm)}
    check("S3 is told the checksum, the owner and that nothing is replaced", len(puts) == 6 and all(
        option(call, "--checksum-sha256") in sums and option(call, "--if-none-match") == "*" and option(call, "--expected-bucket-owner") == ACCOUNT
        for call in puts), str(puts))
    check("what was uploaded is asked for again", len(cloud.calls("head-object")) == 6)
    check("every look at a bucket names its owner", all("--expected-bucket-owner" in call for call in cloud.calls("s3api")))
    result = cloud.publish("upload")
    check("a second upload changes nothing", result.returncode == 0 and result.stdout.count("already there") == 6 and not cloud.calls(*WRITES), outcome(result))

    result = cloud.publish("upload", zips="other")
    check("a release does not get other bytes", result.returncode == 3 and "other bytes" in result.stderr and not cloud.calls(*WRITES)
          and all(cloud.objects(region) == wanted for region in REGIONS), outcome(result))
    west = cloud.client("s3", "us-west-2")
    west.put_object(Bucket=f"{PREFIX}-us-west-2", Key=key, Body=other)
    result = cloud.publish("upload")
    check("a key whose object has other bytes than its name says ends it", result.returncode == 3 and "holds other bytes" in result.stderr
          and cloud.objects("us-west-2")[key] == other, outcome(result))
    west.put_object(Bucket=f"{PREFIX}-us-west-2", Key=key, Body=intel)
    result = cloud.publish("upload")
    check("an object without a checksum is read", result.returncode == 0 and cloud.calls("get-object") and not cloud.calls(*WRITES), outcome(result))

    result = cloud.publish("upload", "--bucket-owner", ACCOUNT, regions=["us-east-2", "us-east-1"], release="1.4.3")
    check("a region without its bucket fails by name, and the others are done", result.returncode == 3
          and "us-east-1: bucket acme-code-us-east-1" in result.stderr and key_of("1.4.3", intel, "x86_64") in cloud.objects("us-east-2"), outcome(result))
    cloud.client("s3", "us-east-2").create_bucket(Bucket=f"{PREFIX}-us-gov-east-1", CreateBucketConfiguration={"LocationConstraint": "us-east-2"})
    result = cloud.publish("upload", regions=["us-gov-east-1"])
    check("a bucket in another region is refused", result.returncode == 3 and "is in us-east-2" in result.stderr and not cloud.calls(*WRITES), outcome(result))
    # Between the look and the write somebody else wrote: S3's answer to that is a failed precondition, and ours to look again.
    result = cloud.publish("upload", release="1.4.4", regions=["us-east-2"],
                           faults=[("us-east-2", "put-object", "(PreconditionFailed) when calling the PutObject operation: condition")])
    check("an upload that was overtaken believes only what is there", result.returncode == 3 and "is not there after" in result.stderr, outcome(result))

    result = cloud.publish("deploy-version")
    check("without a function there is no version, and no map", result.returncode == 3 and result.stderr.count("there is no function") == 3
          and not cloud.map.exists(), outcome(result))
    # Versions are counted for each region by itself: elsewhere two came before.
    for region, before in zip(REGIONS, [0, 2, 0], strict=True):
        function = cloud.client("lambda", region)
        create_function(function, FUNCTION, zipped("before"))
        for number in range(before):
            function.update_function_configuration(FunctionName=FUNCTION, Description=f"number {number}")
            function.publish_version(FunctionName=FUNCTION)
    result = cloud.publish("map")
    check("a map of versions that are not there is not written", result.returncode == 3 and "no version of" in result.stderr and not cloud.map.exists(),
          outcome(result))
    mine = {"9.9.9": {"us-east-2": {"payments": {"version": "4", "codeSha256": "elsewhere"}}}}
    cloud.map.write_text(json.dumps(mine))
    before = cloud.map.read_bytes()
    result = cloud.publish("deploy-version", "--dry-run")
    check("a dry run deploys nothing", result.returncode == 0 and result.stdout.count("would publish") == 3 and not cloud.calls(*WRITES)
          and cloud.map.read_bytes() == before, outcome(result))
    result = cloud.publish("deploy-version", faults=[("eu-west-2", "update-function-code", "(ServiceException) when calling: no answer")])
    check("a region that fails leaves the map as it was, and is named", result.returncode == 3 and "failed in eu-west-2;" in result.stderr
          and "ServiceException" in result.stderr and cloud.map.read_bytes() == before and len(cloud.versions("us-east-2")) == 1, outcome(result))
    result = cloud.publish("deploy-version", faults=[("eu-west-2", "publish-version", "(TooManyRequestsException) when calling: slow")])
    check("it fails between code and version, too", result.returncode == 3 and cloud.map.read_bytes() == before and not cloud.versions("eu-west-2")
          and [call[1] for call in cloud.calls("update-function-code", "publish-version")] == ["eu-west-2"] * 2, outcome(result))
    result = cloud.publish("deploy-version", faults=[("eu-west-2", "get-function-configuration", {"Architectures": ["x86_64"], "CodeSha256": "before"}),
                                                     ("eu-west-2", "update-function-code", {"CodeSha256": "of somebody else"})])
    check("no version is published of other bytes", result.returncode == 3 and "instead of " + sha256_base64(intel) in result.stderr
          and not cloud.calls("publish-version") and cloud.map.read_bytes() == before, outcome(result))
    result = cloud.publish("deploy-version", faults=[("eu-west-2", "publish-version", {"CodeSha256": "of somebody else", "Version": "1"}),
                                                     ("eu-west-2", "published-version-active", {})])
    check("no version with other bytes is mapped", result.returncode == 3 and "has SHA-256 of somebody else" in result.stderr
          and cloud.map.read_bytes() == before, outcome(result))
    result = cloud.publish("deploy-version")
    versions = dict(zip(REGIONS, ["1", "3", "1"], strict=True))
    entry = {region: {FUNCTION: {"version": version, "codeSha256": sha256_base64(intel)}} for region, version in versions.items()}
    check("the map has every region's version, and what else stood there", result.returncode == 0
          and json.loads(cloud.map.read_text()) == mine | {"1.4.2": entry}, outcome(result) + cloud.map.read_text())
    check("each version has these bytes", all(cloud.versions(region).get(version) == sha256_base64(intel) for region, version in versions.items()))
    check("Lambda is told the checksum", all("--code-sha256" in call for call in cloud.calls("publish-version")) and cloud.calls("publish-version"))
    after, counted = cloud.map.stat().st_mtime_ns, {region: len(cloud.versions(region)) for region in REGIONS}
    result = cloud.publish("deploy-version")
    check("a second run publishes nothing and leaves the map untouched", result.returncode == 0 and not cloud.calls(*WRITES)
          and cloud.map.stat().st_mtime_ns == after and counted == {region: len(cloud.versions(region)) for region in REGIONS}, outcome(result))
    written = cloud.map.read_bytes()
    cloud.map.unlink()
    result = cloud.publish("map")
    check("the map can be made again from what is deployed", result.returncode == 0 and json.loads(cloud.map.read_text()) == {"1.4.2": entry}
          and cloud.calls("list-versions-by-function") and not cloud.calls(*WRITES), outcome(result))
    cloud.map.write_bytes(written)

    result = cloud.publish("deploy-version", "--architecture", "arm64")
    check("a map with other bytes for the release refuses", result.returncode == 3 and "must be equal in all regions" in result.stderr
          and not cloud.calls("lambda"), outcome(result))
    result = cloud.publish("deploy-version", "--architecture", "arm64", "--map", "arm64.json")
    check("a function of the other architecture refuses", result.returncode == 3 and result.stderr.count("is for x86_64") == 3
          and not cloud.calls(*WRITES) and not (folder / "arm64.json").exists(), outcome(result))
    result = cloud.publish("deploy-version", "--map", "other.json", zips="other", release="1.5.0")
    check("what was not uploaded is not deployed", result.returncode == 3 and result.stderr.count("run `upload` first") == 3
          and not cloud.calls(*WRITES), outcome(result))
    (folder / "broken.json").write_text('{"1.4.2": []}')
    result = cloud.publish("deploy-version", "--map", "broken.json")
    check("a file that is no map is left alone", result.returncode == 3 and (folder / "broken.json").read_text() == '{"1.4.2": []}'
          and not cloud.calls("s3api", "lambda"), outcome(result))
    (folder / "other" / "transect-forwarder-x86_64.zip").write_text("no zip")
    result = cloud.publish("upload", zips="other", release="1.6.0")
    check("a file that is no zip is refused", result.returncode == 3 and "is no zip" in result.stderr and not cloud.calls("s3api"), outcome(result))
    for wrong in [["--release", "../up"], ["--region", "moon"], ["--strange", "1"], ["--architecture", "mips"]]:
        result = cloud.publish("upload", *wrong)
        check(f"wrong usage, {' '.join(wrong)}, is exit 2", result.returncode == 2 and not cloud.calls("s3api", "sts"), outcome(result))

    (folder / "bin" / "aws").rename(folder / "bin" / "no-aws")
    without = [part for part in cloud.environment["PATH"].split(":") if not (Path(part) / "aws").exists()]
    cloud.environment["PATH"] = ":".join(without)
    result = cloud.publish("upload")
    check("without the AWS CLI it says so", result.returncode == 3 and "aws is not on PATH" in result.stderr, outcome(result))

    lakes = [part for region in REGIONS for part in ("--lake", f"{region}={folder / 'lake' / region}")]
    for region in REGIONS:
        (folder / "lake" / region).mkdir(parents=True)
    for expected in ["3 records written, 0 already there", "0 records written, 3 already there"]:
        cloud.map.write_text(json.dumps({"1.4.2": entry}))
        result = subprocess.run([transect, "releases", "import", str(cloud.map), *lakes], cwd=folder, env=cloud.environment, capture_output=True, text=True)
        check(f"`transect releases import` reads it: {expected}", result.returncode == 0 and expected in result.stdout, outcome(result))


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
try:
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch), f"http://{host}:{port}")
except ClientError as error:
    check("moto answers", False, str(error))
server.stop()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
