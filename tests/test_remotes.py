"""DVC on a real S3 server with real credentials: moto, in an environment of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_dispatch import clone, run, study  # noqa: F401

SERVER = os.environ.get("MOTO_SERVER")
DVC = (sys.executable, "-m", "dvc")
RIGHTS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}

pytestmark = pytest.mark.skipif(
    SERVER is None,
    reason="no moto_server: pip install 'moto[server]' in an environment of its own, and name it "
    "in MOTO_SERVER",
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """Address, key and secret of a server that has a bucket `study` and checks who asks."""
    from botocore.exceptions import BotoCoreError
    from botocore.session import get_session

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with (tmp_path / "moto.log").open("w") as log:
        server = subprocess.Popen(
            [str(SERVER), "-H", "127.0.0.1", "-p", str(port)],
            # user, key, rights and bucket are made before it begins to check
            env=os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": "4"},
            stdout=log,
            stderr=log,
        )
    try:
        known = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        clients = {
            name: get_session().create_client(
                name, endpoint_url=address, region_name="us-east-1", **known
            )
            for name in ("iam", "s3")
        }
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except (OSError, BotoCoreError):
                assert time.monotonic() < deadline and server.poll() is None
                time.sleep(0.5)
        clients["iam"].create_user(UserName="team")
        key = clients["iam"].create_access_key(UserName="team")["AccessKey"]
        clients["iam"].put_user_policy(
            UserName="team", PolicyName="all", PolicyDocument=json.dumps(RIGHTS)
        )
        clients["s3"].create_bucket(Bucket="study")
        yield address, key["AccessKeyId"], key["SecretAccessKey"]
    finally:
        server.terminate()
        server.wait()


def credentials(folder: Path, key: str, secret: str) -> None:
    run(folder, *DVC, "remote", "modify", "--local", "s3", "access_key_id", key)
    run(folder, *DVC, "remote", "modify", "--local", "s3", "secret_access_key", secret)


def test_a_study_goes_through_s3(
    study: Path,  # noqa: F811
    store: tuple[str, str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    address, key, secret = store
    run(study, *DVC, "remote", "add", "--default", "s3", "s3://study/here")
    run(study, *DVC, "remote", "modify", "s3", "endpointurl", address)
    run(study, *DVC, "remote", "modify", "s3", "region", "us-east-1")
    run(study, "git", "commit", "--quiet", "--all", "--message", "A remote")
    credentials(study, key, secret)
    bare = clone(study, "bare")  # its commit has no dvc.lock: the run cache is all
    run(study, *DVC, "repro", "--quiet")
    run(study, *DVC, "push", "--quiet", "--run-cache")
    run(study, "git", "add", "dvc.lock")
    run(study, "git", "commit", "--quiet", "--all", "--message", "Results")
    assert key not in run(study, "git", "grep", "--cached", "-e", ".", "--", ".dvc")

    fresh = clone(study, "fresh")
    credentials(fresh, key, secret)
    run(fresh, *DVC, "pull", "--quiet", "each@3")
    assert (fresh / "cells" / "3").read_text() == "21\n" and not (fresh / "cells" / "2").exists()
    credentials(bare, key, secret)
    said = run(bare, *DVC, "repro", "--pull")
    assert (bare / "cells" / "3").read_text() == "21\n"
    assert "Running stage 'first'" not in said and "Running stage 'each@3'" not in said

    wrong = clone(study, "wrong")
    credentials(wrong, key, "wrong")
    done = subprocess.run([*DVC, "pull"], cwd=wrong, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "Forbidden" in done.stderr
