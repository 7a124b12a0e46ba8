"""LocalStack as a process of this machine, without Docker, with an executor of ours: a function's `bootstrap` runs as a process
beside it, against a Runtime API of ours on loopback. localstack_runs_a_region.py starts it, with LocalStack's own variables.

It refuses to outlive who started it, and to run a function that is anything but a `bootstrap`.
"""

import __future__

import concurrent.futures
import ctypes
import functools
import http.server
import importlib.machinery
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

GATEWAY = "http://" + os.environ["GATEWAY_LISTEN"]
DEADLINE_SECONDS = 60
# Beyond the function's own time, after which it has said so itself.
ANSWER_SECONDS_MAX = DEADLINE_SECONDS + 10
PR_SET_PDEATHSIG = 1


def end_with_parent():
    """Linux ends this process when the thread that started it ends, however that came."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


# Before all that takes long.
end_with_parent()


class WithLateAnnotations(importlib.machinery.SourceFileLoader):
    """Reads a module that names `Lock | None` in annotations, which before Python 3.13 is no type, so that they must not be evaluated."""

    MODULE = "localstack.packages.api"

    @classmethod
    def find_spec(cls, name, path, target=None):
        if name != cls.MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        spec.loader = cls(name, spec.origin)
        return spec

    def get_code(self, fullname):
        return compile(self.get_data(self.path), self.path, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)


sys.meta_path.insert(0, WithLateAnnotations)
from localstack.services.lambda_.invocation import runtime_executor  # noqa: E402
from localstack.services.lambda_.invocation.lambda_models import InvocationResult  # noqa: E402
from twisted.internet import endpoints  # noqa: E402

# Its one thread lives as long as this process, which the end of a thread of LocalStack's would not tell of.
starter = concurrent.futures.ThreadPoolExecutor(max_workers=1)


class Invocation:
    def __init__(self, payload):
        self.request_id, self.function = payload["invoke-id"], payload.get("invoked-function-arn", "")
        body = payload["payload"]
        self.event = body if isinstance(body, bytes) else body.encode()
        self.deadline_ms = int((time.time() + DEADLINE_SECONDS) * 1000)
        self.ended, self.answer, self.is_error = threading.Event(), b"", True


class RuntimeApi(http.server.ThreadingHTTPServer):
    """What Lambda's documentation calls the runtime API, for one process."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.waiting, self.taken, self.said = queue.Queue(), {}, b""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def reply(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in [*headers, ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        invocation = self.server.waiting.get()
        self.server.taken[invocation.request_id] = invocation
        self.reply(200, invocation.event, [
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(invocation.deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", invocation.function),
        ])

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # …/invocation/ID/response, …/invocation/ID/error, …/init/error
        *_, request_id, kind = self.path.split("/")
        if invocation := self.server.taken.pop(request_id, None):
            invocation.answer, invocation.is_error = body, kind == "error"
            invocation.ended.set()
        else:
            self.server.said = body
        self.reply(202, b"{}")

    def log_message(self, *_):
        pass


class Executor(runtime_executor.RuntimeExecutor):
    """One environment of a function: a process and its Runtime API."""

    def start(self, env_vars):
        code = Path(str(self.function_version.config.code.get_unzipped_code_location()))
        program = code / "bootstrap"
        program.chmod(0o755)
        self.api = RuntimeApi()
        threading.Thread(target=self.api.serve_forever, daemon=True).start()
        environment = {name: str(value) for name, value in env_vars.items() if not name.startswith("LOCALSTACK_")}
        environment |= {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.api.server_port}", "LAMBDA_TASK_ROOT": str(code), "AWS_ENDPOINT_URL": GATEWAY}
        self.log = open(f"bootstrap-{self.id}.log", "w+b")

        def begin():
            return subprocess.Popen([program], env=environment, cwd=code, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=end_with_parent)

        self.process = starter.submit(begin).result()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.api.shutdown()
        self.api.server_close()
        self.log.close()

    def invoke(self, payload):
        invocation = Invocation(payload)
        before = self.log_bytes()
        self.api.waiting.put(invocation)
        if not invocation.ended.wait(ANSWER_SECONDS_MAX):
            invocation.answer = b'{"errorMessage": "no answer", "errorType": "Sandbox.Timedout"}'
        # LocalStack puts them into the function's log group, as Lambda does.
        logs = os.pread(self.log.fileno(), self.log_bytes() - before, before).decode(errors="replace")
        return InvocationResult(
            request_id=invocation.request_id, payload=invocation.answer, is_error=invocation.is_error, logs=logs, executed_version=self.function_version.id.qualifier
        )

    def log_bytes(self):
        return os.fstat(self.log.fileno()).st_size

    def get_address(self):
        return "127.0.0.1"

    def get_endpoint_from_executor(self):
        return "127.0.0.1"

    def get_runtime_endpoint(self):
        return f"{GATEWAY}/_localstack_lambda/{self.id}"

    def get_logs(self):
        return ""

    @classmethod
    def prepare_version(cls, function_version):
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version):
        pass


def invoke_as_logs_do(invoke):
    """CloudWatch Logs invokes asynchronously; LocalStack's waits for the function, and would never try again."""

    @functools.wraps(invoke)
    def invoked(self, context, **named):
        if (context.internal_request_params or {}).get("service_principal") == "logs":
            named["invocation_type"] = "Event"
        return invoke(self, context, **named)

    return invoked


def describe_account_policies(self, context, **_):
    """There are none; LocalStack does not know the question."""
    return {"accountPolicies": []}


def main():
    # LocalStack binds every address of IPv4, whatever GATEWAY_LISTEN says.
    endpoints.TCP4ServerEndpoint = functools.partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")
    # Before anything else names it.
    runtime_executor.get_runtime_executor = lambda: Executor
    from localstack.services.lambda_.provider import LambdaProvider
    from localstack.services.logs.provider import LogsProvider

    LambdaProvider.invoke = invoke_as_logs_do(LambdaProvider.invoke)
    LogsProvider.describe_account_policies = describe_account_policies
    from localstack.runtime.main import main as run

    run()


main()
