"""The forwarder's start and its throughput, as whole processes.

Usage: forwarder.py FORWARDER TRANSECT [FOLDER]: start of the process to its first request for an invocation and the memory it
holds then; then whole invocations of sample payloads of 500 events, on one core, delivered to a stand-in on the other core that
answers at once, beside the floor of `cargo bench -p transect-normalize` over the same payloads in the same run. It refuses to judge.
"""
import base64
import gzip
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

forwarder, transect = (os.path.abspath(path) for path in sys.argv[1:3])
folder = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else tempfile.mkdtemp())
STARTS, PAYLOADS, ROUNDS = 30, 60, 8


class Connection:
    """HTTP/1.1 by hand: the stand-ins must cost as little as they can."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""

    def request(self):
        while b"\r\n\r\n" not in self.rest:
            part = self.sock.recv(1 << 20)
            if not part:
                return None
            self.rest += part
        head, body = self.rest.split(b"\r\n\r\n", 1)
        length = re.search(rb"content-length: *(\d+)", head, re.I)
        length, parts, size = int(length[1]) if length else 0, [body], len(body)
        while size < length:
            part = self.sock.recv(1 << 20)
            parts.append(part)
            size += len(part)
        body = b"".join(parts)
        self.rest = body[length:]
        return head.split(b" ", 2)[:2]

    def reply(self, body, headers=b"", status=b"200 OK"):
        self.sock.sendall(b"HTTP/1.1 " + status + b"\r\ncontent-length: %d\r\n" % len(body) + headers + b"\r\n" + body)


def serve(answer):
    listener = socket.create_server(("127.0.0.1", 0))

    def each(connection):
        while (request := connection.request()) is not None:
            answer(connection, request)

    def accept():
        while True:
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=each, args=(Connection(sock),), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def environment(api, firehose):
    return {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api}", "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_REGION": "us-east-2", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL_FIREHOSE": f"http://127.0.0.1:{firehose}", "TRANSECT_DELIVERY_STREAM": "transect",
    }


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def start_once():
    asked = threading.Event()
    seen = []

    def answer(*_):
        seen.append(time.perf_counter())
        asked.set()

    port = serve(answer)
    start = time.perf_counter()
    process = subprocess.Popen([forwarder], env=environment(port, 1), stdout=subprocess.DEVNULL)
    asked.wait(10)
    memory = resident(process.pid)
    process.kill()
    process.wait()
    return (seen[0] - start) * 1e3, memory


def events_of(path):
    document = json.loads(gzip.decompress(base64.b64decode(json.loads(path.read_bytes())["awslogs"]["data"])))
    return len(document["logEvents"])


def throughput():
    subprocess.run([transect, "demo", "--quiet", "--payloads-only", "--dir", folder, "--invocations", "60000", "--events-per-payload", "500"], check=True)
    # Of every service, format and region, as they come.
    full = [path for path in sorted(folder.glob("payloads/*/*.json"), key=lambda path: path.name[::-1]) if events_of(path) == 500]
    paths = full[:PAYLOADS]
    payloads = [path.read_bytes() for path in paths]
    decoded = sum(len(gzip.decompress(base64.b64decode(json.loads(payload)["awslogs"]["data"]))) for payload in payloads)
    waiting, done, times = iter(payloads * ROUNDS), threading.Event(), []

    def firehose(connection, *_):
        connection.reply(b'{"FailedPutCount":0,"RequestResponses":[]}', b"content-type: application/x-amz-json-1.1\r\n")

    def api(connection, request):
        if request[0] == b"POST":
            return connection.reply(b"", status=b"202 Accepted")
        times.append(time.perf_counter())
        payload = next(waiting, None)
        if payload is None:
            return done.set()
        deadline = str(int(time.time() * 1000) + 60_000).encode()
        connection.reply(payload, b"lambda-runtime-aws-request-id: 1\r\nlambda-runtime-invoked-function-arn: a\r\nlambda-runtime-deadline-ms: " + deadline + b"\r\n")

    os.sched_setaffinity(0, {0})
    said = tempfile.TemporaryFile()
    process = subprocess.Popen([forwarder], env=environment(serve(api), serve(firehose)), stdout=said,
                               preexec_fn=lambda: os.sched_setaffinity(0, {1}))
    done.wait(300)
    cpu = sum(int(field) for field in pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")
    peak = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1]) * 1024
    process.kill()
    process.wait()
    os.sched_setaffinity(0, set(range(os.cpu_count())))
    said.seek(0)
    lines = [json.loads(line) for line in said]
    sent, billed = (sum(line[name] for line in lines) for name in ("BytesOut", "BytesBilled"))
    # The quietest round; the first has the start of the connection in it.
    rounds = [times[(index + 1) * len(payloads)] - times[index * len(payloads)] for index in range(ROUNDS)]
    wall = decoded / min(rounds) / 1e6
    print(f"{len(payloads)} payloads of 500 events, {decoded / len(payloads) / 1e3:.0f} kB decoded each, {ROUNDS} rounds; peak {peak / 1e6:.1f} MB resident")
    print(f"{sent / len(lines) / 1e3:.0f} kB sent each, {100 * (billed / sent - 1):.2f}% more billed, each record rounded up to 5 KB")
    print(f"whole invocation  {wall:7.1f} MB/s of decoded payload, wall clock ({decoded * ROUNDS / cpu / 1e6:.1f} MB/s of processor time)")
    return wall, paths


starts = [start_once() for _ in range(STARTS)]
print(f"start to first /next: {statistics.median(time for time, _ in starts):.1f} ms (least {min(time for time, _ in starts):.1f}), "
      f"{max(memory for _, memory in starts) / 1e6:.1f} MB resident then")
print(f"binary {os.path.getsize(forwarder) / 1e6:.2f} MB")
whole, paths = throughput()
bench = subprocess.run(["cargo", "bench", "-p", "transect-normalize", "--bench", "throughput", "--", *map(str, paths)], capture_output=True, text=True, check=True).stdout
print(bench, end="")
floor = max(float(speed) for speed in re.findall(r"floor \(.*?\) +([\d.]+) MB/s", bench))
print(f"floor             {floor:7.1f} MB/s; whole invocation takes {floor / whole:.2f} times its time")
