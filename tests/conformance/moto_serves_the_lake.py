"""moto's S3 as an outside judge of lakes in buckets: three regions in three buckets must answer as the directories do.

Usage: moto_serves_the_lake.py TRANSECT DEMO_FOLDER. It refuses to judge speed, and to read anything but loopback.
"""
import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

transect, demo = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
REGIONS = ["us-east-2", "us-west-2", "eu-west-2"]
QUESTIONS = [
    ["sql", "SELECT cloud_region, signal, count(*) AS n FROM telemetry GROUP BY 1, 2 ORDER BY 1, 2"],
    ["sql", "SELECT * FROM logs ORDER BY cloud_region, aws_log_group, aws_log_stream, event_id LIMIT 200"],
    ["sql", "SELECT count(*) AS n, sum(duration_nano) AS total, max(error_count) AS most FROM traces"],
    ["query", "error-rate-by-release"],
    ["query", "traces-across-releases"],
    ["releases"],
    ["logs", "--level", "error", "--utc"],
]

passed = failed = 0


def check(name, good, detail=""):
    global passed, failed
    passed, failed = passed + good, failed + (not good)
    print("same" if good else "DIFFERENT", name, detail if not good else "")


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    config = ""
    for region in REGIONS:
        s3 = boto3.client("s3", endpoint_url=endpoint, region_name=region, **keys)
        bucket = f"acme-telemetry-{region}"
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
        for file in sorted((demo / "landing" / f"region={region}").rglob("*.parquet")):
            s3.upload_file(str(file), bucket, f"team/{file.relative_to(demo)}")
        config += f'[[region]]\nname = "{region}"\nurl = "s3://{bucket}/team"\nendpoint = "{endpoint}"\n'
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "transect.toml").write_text(config)
        (folder / "credentials").write_text("[judge]\naws_access_key_id = testing\naws_secret_access_key = testing\n")
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TRANSECT_"))}
        plain |= {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), "AWS_EC2_METADATA_DISABLED": "true"}
        static = plain | {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        profile = plain | {"AWS_PROFILE": "judge", "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials")}

        def ask(arguments, environment):
            return subprocess.run([transect, *arguments], cwd=folder, env=environment, capture_output=True, text=True)

        for question in QUESTIONS:
            question = [*question, "--format", "json"]
            expected = ask([*question, "--lake", str(demo.resolve())], plain)
            for name, environment in [("static keys", static), ("profile", profile)]:
                found = ask(question, environment)
                rows = len(json.loads(expected.stdout)["rows"])
                good = found.returncode == 0 and found.stdout == expected.stdout and rows > 0
                check(f"{rows} rows, {name}: {' '.join(question[:2])[:100]}", good, found.stderr)

        record = ["releases", "record", "--service", "cart", "--function", "cart", "--release", "9.9.9",
                  "--function-version", "31", "--region", "eu-west-2"]
        first, second = ask(record, static), ask(record, static)
        check("a release is recorded once", "1 records written, 0" in first.stdout and "0 records written, 1" in second.stdout,
              first.stderr + second.stderr)
        objects = boto3.client("s3", endpoint_url=endpoint, region_name="eu-west-2", **keys).list_objects_v2(
            Bucket="acme-telemetry-eu-west-2", Prefix="team/releases/region=eu-west-2/")
        check("its record is one object", objects["KeyCount"] == 1, str(objects))
    server.stop()


main()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
