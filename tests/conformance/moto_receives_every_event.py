"""moto's Firehose and S3 as outside judges of the forwarder: the real binary delivers real payloads, and the objects that lie in
the buckets afterwards must hold every event, read by nothing of ours.

Usage: moto_receives_every_event.py FORWARDER PAYLOADS…. Each of PAYLOADS is a folder of folders named for regions, with files that
hold a Lambda event each. It refuses to look into the forwarder: it is Lambda to it on one side and AWS on the other.
"""
import base64
import gzip
import http.server
import json
import logging
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time

import boto3
from moto.server import ThreadedMotoServer

forwarder, folders = os.path.abspath(sys.argv[1]), [pathlib.Path(folder) for folder in sys.argv[2:]]
STREAM = "transect"


class RuntimeApi(http.server.ThreadingHTTPServer):
    """Lambda's Runtime API: hands out events and notes how each ended."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.events, self.ended = queue.Queue(), queue.Queue()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        number, event = self.server.events.get()
        self.reply(200, event, [
            ("Lambda-Runtime-Aws-Request-Id", f"8f5b6c7d-0000-4000-8000-{number:012x}"),
            ("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 60_000)),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-2:123456789012:function:transect-forwarder"),
        ])

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.reply(202, b"")
        self.server.ended.put(None if self.path.endswith("/response") else body.decode())

    def log_message(self, *_):
        pass


def documents(event):
    """The subscription documents of a Lambda event: all members of the gzip, all documents behind each other."""
    text = gzip.decompress(base64.b64decode(json.loads(event)["awslogs"]["data"])).decode("utf-8", "backslashreplace")
    decoder, at = json.JSONDecoder(strict=False), 0
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        yield document
        while at < len(text) and text[at].isspace():
            at += 1


def check(region, endpoint):
    events = [path.read_bytes() for folder in folders for path in sorted((folder / region).glob("*.json")) if not path.name.endswith(".decoded.json")]
    wanted = {(document["logGroup"], document["logStream"], item["id"]) for event in events for document in documents(event)
              if document["messageType"] != "CONTROL_MESSAGE" for item in document["logEvents"]}
    keys = {"region_name": region, "endpoint_url": endpoint, "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    bucket = f"transect-{region}"
    s3, firehose = boto3.client("s3", **keys), boto3.client("firehose", **keys)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
    firehose.create_delivery_stream(DeliveryStreamName=STREAM, DeliveryStreamType="DirectPut", ExtendedS3DestinationConfiguration={
        "RoleARN": "arn:aws:iam::123456789012:role/firehose", "BucketARN": f"arn:aws:s3:::{bucket}", "Prefix": "landing/"})
    api = RuntimeApi()
    threading.Thread(target=api.serve_forever, daemon=True).start()
    environment = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}", "AWS_LAMBDA_FUNCTION_NAME": "transect-forwarder",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_ENDPOINT_URL_FIREHOSE": endpoint,
        "TRANSECT_DELIVERY_STREAM": STREAM,
    }
    process = subprocess.Popen([forwarder], env=environment, stdout=subprocess.DEVNULL)
    for number, event in enumerate(events):
        api.events.put((number, event))
    faults = [fault for fault in (api.ended.get(timeout=120) for _ in events) if fault is not None]
    process.kill()
    process.wait()
    found, regions = set(), set()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            for line in s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read().splitlines():
                row = json.loads(line)
                assert "\n" not in row and isinstance(row["time_unix_nano"], int), row
                json.loads(row.get("attributes", "{}"))
                found.add((row["aws_log_group"], row["aws_log_stream"], row["event_id"].split("/")[0]))
                regions.add(row["cloud_region"])
    good = not faults and found == wanted and regions == {region}
    print(f"{region}: {len(events)} invocations, {len(faults)} failed; {len(wanted)} events, {len(wanted - found)} missing, "
          f"{len(found - wanted)} strange; regions {sorted(regions)}", *faults[:3], flush=True)
    return good


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
regions = sorted({path.name for folder in folders for path in folder.iterdir() if path.is_dir()})
results = [check(region, f"http://{host}:{port}") for region in regions]
server.stop()
print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
sys.exit(not all(results))
