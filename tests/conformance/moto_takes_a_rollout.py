"""moto's Lambda as an outside judge of `transect rollout`: real aliases are moved by the verdicts that the sample's lake gives, through
FAIL, PASS, INVALID, NO_DATA, an alias that is moved by hand, and a run that is killed and taken up again.

Usage: moto_takes_a_rollout.py TRANSECT WORK_FOLDER. A bake of twenty minutes takes twenty seconds: the program runs by a
clock of ours, which begins in the middle of the sample's day and goes sixty times as fast. A C compiler is needed for it. All stories run
side by side, each with a function of its own. It refuses to judge how the verdict is reached, and any network but loopback.
"""

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import threading
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import boto3
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

TRANSECT, WORK = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()
# Large enough for twenty minutes of it to decide.
LAKE, INVOCATIONS = WORK / "lake", 20_000
GOOD, BAD = "1.4.1", "1.4.2"
# In the first the release is bad, and has one half of the requests; in the second it is not, and has few.
WORSE, ALIKE = "us-east-2", "us-west-2"
BEGIN = datetime(2026, 11, 21, 8, 40, tzinfo=UTC).timestamp()
FASTER = 60
STORY_SECONDS_MAX = 100
KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}

# What the program takes for the time of day. Waiting goes by another clock, which is left alone.
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t which, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(which, now);
    const char *started = getenv("CLOCK_STARTED"), *begin = getenv("CLOCK_BEGIN"), *faster = getenv("CLOCK_FASTER");
    if (which == CLOCK_REALTIME && code == 0 && started && begin && faster) {
        double passed = (double)now->tv_sec + 1e-9 * (double)now->tv_nsec - atof(started);
        double shown = atof(begin) + passed * atof(faster);
        now->tv_sec = (time_t)shown;
        now->tv_nsec = (long)((shown - (double)now->tv_sec) * 1e9);
    }
    return code;
}
"""

passed = failed = 0
lock = threading.Lock()


def same(name, found, expected, detail=""):
    global passed, failed
    good = found == expected
    with lock:
        passed, failed = passed + good, failed + (not good)
        print("holds" if good else "DOES NOT HOLD", name, "" if good else f"{found!r}, not {expected!r} {detail}"[:3000], flush=True)


class World:
    def __init__(self, endpoint, clock):
        self.endpoint, self.clock = endpoint, clock

    def client(self, service, region):
        return boto3.client(service, endpoint_url=self.endpoint, region_name=region, **KEYS)

    def function(self, name):
        """With two versions and the alias on the first, in both regions."""
        for region in (WORSE, ALIKE):
            functions = self.client("lambda", region)
            with contextlib.suppress(ClientError):
                self.client("iam", region).create_role(RoleName="function", AssumeRolePolicyDocument="{}")

            def archive(code):
                packed = io.BytesIO()
                with zipfile.ZipFile(packed, "w") as file:
                    file.writestr("bootstrap", code)
                return packed.getvalue()

            role = {"Role": "arn:aws:iam::123456789012:role/function", "Runtime": "provided.al2023", "Handler": "bootstrap"}
            functions.create_function(FunctionName=name, Code={"ZipFile": archive("one")}, Publish=True, **role)
            functions.update_function_code(FunctionName=name, ZipFile=archive("two"), Publish=True)
            functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")

    def alias(self, name, region):
        found = self.client("lambda", region).get_alias(FunctionName=name, Name="live")
        return found["FunctionVersion"], (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}

    def move(self, name, region, version, weights):
        routing = {"AdditionalVersionWeights": weights}
        self.client("lambda", region).update_alias(FunctionName=name, Name="live", FunctionVersion=version, RoutingConfig=routing)


class Story:
    """A rollout of a function of its own."""

    def __init__(self, world, name, baseline=GOOD, canary=BAD, regions=(WORSE,), weight=50, policy="rollback", bake="20m", lake=LAKE):
        self.world, self.name, self.regions = world, name, regions
        self.folder = WORK / name
        self.folder.mkdir(parents=True)
        versions = {baseline: "1", canary: "2"}
        release_map = {release: {region: {name: {"version": version}} for region in regions} for release, version in versions.items()}
        (self.folder / "map.json").write_text(json.dumps(release_map))
        waves = [{"name": "all", "regions": list(regions), "weight": weight, "bake": bake, "min_requests": 50}]
        (self.folder / "waves.json").write_text(json.dumps(waves))
        question = ["--function", name, "--service", "payments", "--baseline", baseline, "--canary", canary, "--lake", str(lake)]
        files = ["--waves", "waves.json", "--release-map", "map.json", "--state", "state.json"]
        times = ["--every", "2m", "--settle", "1m", "--deadline", "3m", "--on-inconclusive", policy]
        self.command = [TRANSECT, "rollout", *question, *files, *times, "--format", "json"]
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TRANSECT_"))}
        self.environment = plain | {
            **{"HOME": str(self.folder), "XDG_CACHE_HOME": str(self.folder / "cache"), "AWS_EC2_METADATA_DISABLED": "true"},
            **{"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_ENDPOINT_URL": world.endpoint},
            **{"LD_PRELOAD": str(world.clock), "CLOCK_BEGIN": str(BEGIN), "CLOCK_FASTER": str(FASTER)},
        }
        world.function(name)
        self.environment["CLOCK_STARTED"] = str(time.time())

    def start(self):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(self.command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, **pipes)

    def until_it_bakes(self, process):
        for line in process.stderr:
            if "baking" in line:
                return True
        return False

    def end(self, process=None):
        """Exit code, outcome, and where the aliases are."""
        process = process or self.start()
        out, err = process.communicate(timeout=STORY_SECONDS_MAX)
        try:
            outcome = json.loads(out)["outcome"]
        except (ValueError, KeyError):
            outcome = None
        self.talk = err
        return process.returncode, outcome, [self.world.alias(self.name, region) for region in self.regions]


def fails(world):
    story = Story(world, "fails", regions=(WORSE, ALIKE))
    same("FAIL: the region that is named is set back, and the other keeps its share", story.end(),
         (1, "failed", [("1", {}), ("1", {"2": 0.5})]), story.talk)
    same("FAIL: what has ended stays ended", story.end()[:2], (1, "failed"), story.talk)


def passes(world):
    story = Story(world, "passes", baseline=BAD, canary=GOOD)
    same("PASS: the canary has everything", story.end(), (0, "promoted", [("2", {})]), story.talk)


def crashing(name):
    """A lake of a function whose second version crashes in every initialisation, before a line of its own."""
    folder = WORK / f"{name}-payloads"
    folder.mkdir(parents=True)
    for version in ("1", "2"):
        events = []

        def add(at, message):
            events.append({"id": f"{at:020}{version:0>12}{len(events):024}", "timestamp": at, "message": message})

        for number in range(1500):
            at, call = int(BEGIN - 120) * 1000 + number * 1000, f"{version:0>8}-0000-4000-8000-{number:012x}"
            status = "" if version == "1" else "Status: error\tError Type: Runtime.ExitError\t"
            add(at, f"START RequestId: {call} Version: {version}\n")
            if version == "1":
                add(at + 1, json.dumps({"service": "payments", "service_version": GOOD, "function_request_id": call, "message": "paid"}))
            add(at + 2, f"END RequestId: {call}\n")
            add(at + 3, f"REPORT RequestId: {call}\tDuration: 4.02 ms\tBilled Duration: 5 ms\tMemory Size: 512 MB\tMax Memory Used: 43 MB\t{status}\n")
        document = {"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": f"/aws/lambda/{name}", "subscriptionFilters": ["f"],
                    "logStream": f"2026/11/21/[{version}]{version * 32}", "logEvents": events}
        (folder / f"{version}.json").write_text(json.dumps(document))
    lake = WORK / f"{name}-lake"
    subprocess.run([TRANSECT, "ingest", "--quiet", "--region", WORSE, "--lake", lake, folder], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    return lake


def says_nothing_of_itself(world):
    story = Story(world, "crashes", lake=crashing("crashes"))
    same("a canary that crashes before its first line is set back", story.end(), (1, "failed", [("1", {})]), story.talk)


def share_is_off(world):
    story = Story(world, "invalid", baseline=BAD, canary=GOOD, weight=5, policy="promote")
    same("INVALID: promoted by no policy, and weights stay", story.end(), (4, "held", [("1", {"2": 0.05})]), story.talk)
    same("INVALID: because of its share", "INVALID" in story.talk, True, story.talk)


def nothing_comes(world):
    story = Story(world, "no-data", canary="9.9.9", bake="6m")
    same("NO_DATA: set back by policy", story.end(), (1, "failed", [("1", {})]), story.talk)
    story = Story(world, "no-data-promote", canary="9.9.9", policy="promote", bake="6m")
    same("NO_DATA: promoted by no policy", story.end(), (4, "held", [("1", {"2": 0.5})]), story.talk)


def moved_by_hand(world):
    story = Story(world, "moved", baseline=BAD, canary=GOOD)
    process = story.start()
    same("by hand: it bakes", story.until_it_bakes(process), True)
    world.move("moved", WORSE, "1", {"2": 0.25})
    same("by hand: a conflict, and nothing is overwritten", story.end(process), (3, "conflict", [("1", {"2": 0.25})]), story.talk)


def killed(world):
    story = Story(world, "killed")
    process = story.start()
    same("killed: it bakes", story.until_it_bakes(process), True)
    process.kill()
    process.communicate()
    same("killed: the weight is as it was set", world.alias("killed", WORSE), ("1", {"2": 0.5}))
    same("killed: the same command ends it", story.end(), (1, "failed", [("1", {})]), story.talk)


def main():
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "clock.c").write_text(CLOCK)
    clock = WORK / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", clock, WORK / "clock.c", "-ldl"], check=True)
    demo = [TRANSECT, "demo", "--quiet", "--invocations", str(INVOCATIONS), "--dir", LAKE]
    subprocess.run(demo, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    world = World(f"http://{host}:{port}", clock)

    def told(story):
        try:
            story(world)
        except Exception as error:
            same(f"{story.__name__}: it comes to an end", repr(error), "an end")

    stories = [threading.Thread(target=told, args=(story,)) for story in (fails, passes, says_nothing_of_itself, share_is_off, nothing_comes, moved_by_hand, killed)]
    for story in stories:
        story.start()
    for story in stories:
        story.join()
    server.stop()


main()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
