"""The servers that tests may kill are what they say."""

import psycopg
import pytest
import redis

from tests.postgres import Cluster
from tests.redis_server import Redis


def test_a_killed_cluster_comes_back_with_what_was_committed(cluster: Cluster) -> None:
    url = cluster.create("own")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
        connection.execute("CHECKPOINT")
        cluster.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=2)

    cluster.restart()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


def test_a_cluster_is_restarted_in_each_mode_and_starts_with_its_options(cluster: Cluster) -> None:
    cluster.stop("immediate")
    cluster.start({"max_connections": "20"})
    cluster.restart()

    with psycopg.connect(cluster.url("postgres")) as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("20",)


def test_redis_comes_back_with_what_it_had_or_empty(redis_server: Redis) -> None:
    client = redis.Redis.from_url(redis_server.url(3))
    client.set("kept", "1")

    redis_server.restart()
    assert client.get("kept") == b"1"

    redis_server.restart(empty=True)
    assert client.get("kept") is None
    client.close()


def test_a_frozen_redis_answers_nothing_until_it_is_thawed(redis_server: Redis) -> None:
    redis_server.freeze()
    assert not redis_server.answers()
    redis_server.thaw()
    assert redis_server.answers()
