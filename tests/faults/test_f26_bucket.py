"""F26: the bucket is away for an hour; runs are finished, and no file of theirs is lost."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import boto3
import pytest
from django.conf import settings
from moto.server import ThreadedMotoServer

from accounts.models import Artifact
from coach.models import MissionRun, ModelCall
from missions.models import Mission
from tests.environment import free_port
from tests.faults import needs
from tests.faults.machine import Machine

pytestmark = [pytest.mark.processes, pytest.mark.fault("F26"), needs.services]

KEYS = {"region_name": "eu-west-1", "aws_access_key_id": "key", "aws_secret_access_key": "secret"}


class Bucket:
    """A server of one bucket that can be away; what is in it stays."""

    def __init__(self) -> None:
        # All servers of one process share what they hold.
        self.name = f"files-{uuid4().hex}"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def come(self) -> None:
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.server.start()

    def go(self) -> None:
        self.server.stop()

    def files(self) -> dict[str, Any]:
        """What is stored, by key, read."""
        client = boto3.client("s3", endpoint_url=self.url, **KEYS)
        try:
            listed = client.list_objects_v2(Bucket=self.name).get("Contents", [])
            return {
                one["Key"]: json.loads(
                    client.get_object(Bucket=self.name, Key=one["Key"])["Body"].read()
                )
                for one in listed
            }
        finally:
            client.close()

    def storages(self) -> dict[str, Any]:
        """The setting of a worker whose files go there."""
        options = {
            "bucket_name": self.name,
            "endpoint_url": self.url,
            "region_name": "eu-west-1",
            "access_key": "key",
            "secret_key": "secret",
            "signature_version": "s3v4",
            "default_acl": None,
            "file_overwrite": True,
        }
        stored = {"BACKEND": "accounts.artifacts.RetentionS3Storage", "OPTIONS": options}
        return {**settings.STORAGES, "default": stored}


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    made = Bucket()
    made.come()
    client = boto3.client("s3", endpoint_url=made.url, **KEYS)
    where = {"LocationConstraint": "eu-west-1"}
    client.create_bucket(Bucket=made.name, CreateBucketConfiguration=where)
    client.close()
    yield made
    made.go()


def keys_of(missions: list[Mission]) -> list[str]:
    return sorted(
        f"{mission.owner_id}/{mission.pk}/{mission.local_date()}/run.json" for mission in missions
    )


def waiting() -> int:
    return MissionRun.objects.filter(outcome="decided", file_due_at__isnull=False).count()


def was_tried(times: int) -> bool:
    tried = MissionRun.objects.filter(file_attempts__gte=times)
    return tried.count() == waiting() == 3


def test_bucket_that_is_away_for_an_hour_costs_no_brief_and_no_file(
    machine: Machine, bucket: Bucket
) -> None:
    missions = machine.testers(3)
    bucket.go()
    machine.worker(threads=6, STORAGES=bucket.storages())
    machine.sweep()

    machine.until(lambda: waiting() == 3 and len(machine.mails()) == 3, sweeping=True)
    assert machine.mails() == sorted(mission.owner.email for mission in missions)
    for tries in (2, 3, 4):
        machine.later(minutes=20)
        machine.sweep()
        machine.until(partial(was_tried, tries), sweeping=True)
    assert waiting() == 3
    assert not Artifact.objects.exists()
    # The texts stay in the rows until their file is there.
    assert ModelCall.objects.exclude(prompt="").count() == 3

    bucket.come()
    machine.later(hours=1)
    machine.must_be_settled()
    stored = bucket.files()
    assert sorted(stored) == keys_of(missions)
    assert {told["outcome"] for told in stored.values()} == {"decided"}
    assert all(told["calls"][0]["prompt"] for told in stored.values())
    assert not ModelCall.objects.exclude(prompt="").exists()
    assert (Artifact.objects.count(), machine.questions()) == (3, 3)
    assert machine.mails() == sorted(mission.owner.email for mission in missions)


def test_worker_killed_between_file_and_row_stores_it_again_under_one_key(
    machine: Machine, bucket: Bucket
) -> None:
    mission = machine.tester()
    killed = machine.worker(STORAGES=bucket.storages(), dies_at="after accounts.artifacts.put")
    machine.sweep()
    killed.wait()

    machine.later(minutes=10)
    machine.worker(STORAGES=bucket.storages())
    machine.must_be_settled()
    assert list(bucket.files()) == keys_of([mission])
    assert (Artifact.objects.count(), machine.questions()) == (1, 1)
    assert machine.mails() == [mission.owner.email]
