"""The columns of Transect's table in Python, as forwarders of today do it: `json`, `re`, a dict a record, and the batches that
boto3's PutRecordBatch takes.

Usage: mapping.py PAYLOAD…: prints events a second for all files together, the best of three rounds. It knows what
`mapping.vrl` knows, and leaves out the same.
"""
import base64
import datetime
import gzip
import json
import re
import sys
import time

PREFIX = re.compile(r"^(\d{4}-\d\d-\d\dT[0-9:.]+Z)\t([0-9a-f-]{36})\t([A-Z]+)\t(.*)$", re.S)
VERSION = re.compile(r"\[(\$LATEST|[0-9]+)\]")
EDGE = re.compile(r"^(START|END) RequestId: ([0-9a-f-]{36})")
SECRETS = [re.compile(pattern) for pattern in (
    r"A[KS]IA[0-9A-Z]{16}", r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*", r"[Bb]earer [A-Za-z0-9._~+/=-]{8,}",
    r"\b[3-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{3,4}\b", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----")]
SECRET_KEY = re.compile(r"(authorization|cookies?|password|passwd|secrets?|api[_-]?keys?|tokens?|credentials?|signature|card[_-]?number|cvv)$", re.I)
SEVERITY = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "WARNING": 13, "ERROR": 17, "FATAL": 21, "CRITICAL": 21}


def redact(value):
    if isinstance(value, str):
        for secret in SECRETS:
            value = secret.sub("[redacted]", value)
        return value
    if isinstance(value, dict):
        return {key: "[redacted]" if SECRET_KEY.search(key) else redact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redact(item) for item in value]
    return value


def first(body, *names):
    for name in names:
        if isinstance(body.get(name), str):
            return body.pop(name)
    return None


def record(event, document, region):
    message = event["message"]
    out = {
        "event_id": event["id"], "signal": "log", "observed_time_unix_nano": event["timestamp"] * 1_000_000,
        "time_unix_nano": event["timestamp"] * 1_000_000, "cloud_account_id": document["owner"], "cloud_region": region,
        "aws_log_group": document["logGroup"], "aws_log_stream": document["logStream"], "schema_version": 1,
    }
    if document["logGroup"].startswith("/aws/lambda/"):
        out["faas_name"] = document["logGroup"][len("/aws/lambda/"):]
    if version := VERSION.search(document["logStream"]):
        out["faas_version"] = version[1]
    text, body = message, None
    if prefix := PREFIX.match(message):
        out["faas_invocation_id"], out["severity_text"], text = prefix[2], prefix[3], prefix[4]
    if text.startswith("{"):
        try:
            body = json.loads(text)
        except ValueError:
            pass
    if isinstance(body, dict):
        body = redact(body)
        if isinstance(body.get("record"), dict) and str(body.get("type")).startswith("platform."):
            inner = body["record"]
            out["event_name"] = body.pop("type")
            out["faas_invocation_id"] = inner.pop("requestId", None)
            out["status_code"] = "OK" if inner.get("status", "success") == "success" else "ERROR"
            metrics = inner.get("metrics", {})
            if "durationMs" in metrics:
                out["duration_nano"] = int(metrics.pop("durationMs") * 1e6)
            if out["event_name"] == "platform.report":
                out["faas_coldstart"] = "initDurationMs" in metrics
        elif "spanId" in body and "startTimeUnixNano" in body:
            out["signal"] = "span"
            for column, key in (("trace_id", "traceId"), ("span_id", "spanId"), ("parent_span_id", "parentSpanId"), ("time_unix_nano", "startTimeUnixNano"),
                                ("duration_nano", "durationNano"), ("span_name", "name"), ("span_kind", "kind")):
                out[column] = body.pop(key, None)
            out["status_code"] = body.get("status", {}).pop("code", None)
            out["service_name"] = body.get("resource", {}).get("attributes", {}).get("service.name")
            attributes = body.get("attributes", {})
            out["http_response_status_code"] = attributes.get("http.response.status_code")
            out["http_request_method"] = attributes.get("http.request.method")
            out["http_route"] = attributes.get("http.route")
        else:
            trace = first(body, "xray_trace_id", "trace_id", "traceId")
            if trace:
                out["trace_id"] = (trace[2:].replace("-", "") if trace.startswith("1-") else trace).lower()
            out["span_id"] = first(body, "span_id", "spanId")
            out["correlation_id"] = first(body, "correlation_id", "correlationId")
            out["faas_invocation_id"] = first(body, "function_request_id", "requestId", "AWSRequestId") or out.get("faas_invocation_id")
            out["service_name"] = first(body, "service", "service.name", "service_name")
            out["service_version"] = first(body, "version", "release", "service.version", "service_version")
            out["severity_text"] = str(body["level"]) if "level" in body else out.get("severity_text")
            out["body"] = first(body, "message", "msg", "event")
            out["exception_type"] = first(body, "exception_name", "errorType")
            out["exception_message"] = first(body, "errorMessage")
            out["exception_stacktrace"] = first(body, "exception")
            own = body.get("timestamp") or body.get("time")
            if isinstance(own, str):
                try:
                    moment = datetime.datetime.fromisoformat(own.replace(",", "."))
                    out["time_unix_nano"] = int(moment.timestamp() * 1e6) * 1000
                    body.pop("timestamp", None)
                    body.pop("time", None)
                except ValueError:
                    pass
        out["attributes"] = json.dumps(body, separators=(",", ":"))
    elif message.startswith("REPORT RequestId: "):
        fields = dict(field.split(": ", 1) for field in message.strip().split("\t") if ": " in field)
        out["event_name"] = "platform.report"
        out["faas_invocation_id"] = fields.pop("REPORT RequestId", None)
        out["duration_nano"] = int(float(fields.pop("Duration", "0 ms")[:-3]) * 1e6)
        out["faas_coldstart"] = "Init Duration" in fields
        out["status_code"] = "ERROR" if "Status" in fields else "OK"
        out["attributes"] = json.dumps(fields, separators=(",", ":"))
    else:
        if edge := EDGE.match(message):
            out["event_name"] = "platform.start" if edge[1] == "START" else "platform.runtimeDone"
            out["faas_invocation_id"] = edge[2]
        out["body"] = redact(text)
    if number := SEVERITY.get((out.get("severity_text") or "").upper()):
        out["severity_number"] = number
    return {key: value for key, value in out.items() if value is not None}


def forward(payload, region):
    """The batches of one Lambda event: at most 500 records and 4 MiB each."""
    document = json.loads(gzip.decompress(base64.b64decode(json.loads(payload)["awslogs"]["data"])))
    batch, size, count = [], 0, 0
    for event in document["logEvents"]:
        data = (json.dumps(record(event, document, region), separators=(",", ":")) + "\n").encode()
        if len(batch) == 500 or size + len(data) > 4 << 20:
            batch, size = [], 0
        batch.append({"Data": data})
        size += len(data)
        count += 1
    return count


payloads = [open(path, "rb").read() for path in sys.argv[1:]]
best = 0
for _ in range(3):
    start = time.perf_counter()
    events = sum(forward(payload, "us-east-2") for payload in payloads)
    best = max(best, events / (time.perf_counter() - start))
print(f"{best:.0f}")
