"""The storages that the settings can ask for: a folder, and a bucket on a server of our own."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.conf import LazySettings
from moto.server import ThreadedMotoServer

BUCKET = "lanterne-artifacts"


class Configure:
    """Switches to the storage that settings.py makes of an environment."""

    def __init__(self, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings, self.monkeypatch = settings, monkeypatch

    def __call__(self, **environment: str) -> None:
        for name, value in environment.items():
            self.monkeypatch.setenv(name, value)
        made = runpy.run_path(str(Path(self.settings.BASE_DIR) / "lanterne" / "settings.py"))
        self.settings.STORAGES = made["STORAGES"]


@pytest.fixture
def configure(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Configure:
    return Configure(settings, monkeypatch)


@pytest.fixture
def media(configure: Configure, tmp_path: Path) -> Path:
    configure(VAR_DIR=str(tmp_path))
    return tmp_path / "media"


@pytest.fixture(scope="session")
def s3() -> Iterator[Any]:
    """An S3 server with one bucket, and a client of it that is not ours."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="eu-west-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    client.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    yield client
    client.close()
    server.stop()


@pytest.fixture
def bucket(s3: Any, configure: Configure) -> Any:
    """The bucket, empty, seen from outside, while ours is the storage S3_BUCKET asks for."""
    configure(
        S3_BUCKET=BUCKET,
        S3_ENDPOINT_URL=s3.meta.endpoint_url,
        S3_REGION="eu-west-1",
        S3_ACCESS_KEY_ID="key",
        S3_SECRET_ACCESS_KEY="secret",
    )
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for found in page.get("Contents", []):
            s3.delete_object(Bucket=BUCKET, Key=found["Key"])
    return s3
