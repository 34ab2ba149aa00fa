"""What a person reads when DVC's remote refuses, and that the same command goes on afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from test_dispatch import run, study  # noqa: F401

DVC = (sys.executable, "-m", "dvc")
# as AWS documents them: status, code, message
REFUSALS = {
    "no rights": (403, "AccessDenied", "User team is not authorized to perform: s3:PutObject"),
    "full": (507, "InsufficientStorage", "The bucket has no room left"),
    "a quota": (403, "QuotaExceeded", "The quota of this bucket is used up"),
    "another region": (
        400,
        "AuthorizationHeaderMalformed",
        "the region 'us-east-1' is wrong; expecting 'eu-central-1'",
    ),
    "a clock that is off": (403, "RequestTimeTooSkewed", "The difference is too large."),
}


class Store(ThreadingHTTPServer):
    """An S3 store that keeps what is put, or refuses it in the words of `refusal`."""

    refusal: tuple[int, str, str] | None = None
    objects: dict[str, bytes]


class Answers(BaseHTTPRequestHandler):
    server: Store
    protocol_version = "HTTP/1.1"  # which answers `Expect: 100-continue`

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.refusal:
            self.refuse()
        else:
            self.server.objects[self.path.split("?")[0]] = body
            self.answer(200, b"")

    def do_GET(self) -> None:
        if self.server.refusal and self.server.refusal[0] == 400:
            self.refuse()
        else:
            self.answer(200, b"<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>")

    def do_HEAD(self) -> None:
        self.answer(404, b"")

    def refuse(self) -> None:
        assert self.server.refusal
        status, code, message = self.server.refusal
        text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        self.answer(status, text.encode())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("ETag", '"0"')
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    server = Store(("127.0.0.1", 0), Answers)
    server.objects = {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in (("ACCESS_KEY_ID", "key"), ("SECRET_ACCESS_KEY", "geheim")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    yield server
    server.shutdown()
    server.server_close()


def push(folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
    words = [*before, *DVC, "push"]
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("cause", REFUSALS)
def test_a_store_that_refuses_says_why_and_takes_it_later(
    study: Path,  # noqa: F811
    store: Store,
    cause: str,
) -> None:
    run(study, *DVC, "remote", "add", "--default", "s3", "s3://study/here")
    run(
        study,
        *DVC,
        "remote",
        "modify",
        "s3",
        "endpointurl",
        f"http://127.0.0.1:{store.server_port}",
    )
    store.refusal = REFUSALS[cause]
    _, code, message = REFUSALS[cause]
    done = push(study)
    assert done.returncode != 0
    assert code in done.stderr or message in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and "geheim" not in done.stderr + done.stdout

    store.refusal = None
    assert push(study).returncode == 0
    assert any(b"7\n" in body for body in store.objects.values())


def test_a_folder_without_rights_says_so_and_takes_it_later(study: Path) -> None:  # noqa: F811
    before = []
    if os.geteuid() == 0:  # root may write anywhere, unless it gives that up
        if shutil.which("setpriv") is None:
            pytest.skip("runs as root, and there is no setpriv")
        before = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    remote = study.parent / "other"
    remote.mkdir(mode=0o555)
    run(study, *DVC, "remote", "add", "--default", "other", str(remote))
    done = push(study, *before)
    assert done.returncode != 0
    assert "Permission denied" in done.stderr and str(remote) in done.stderr, done.stderr
    remote.chmod(0o755)
    assert push(study, *before).returncode == 0
    assert list(remote.rglob("*/??/*"))
