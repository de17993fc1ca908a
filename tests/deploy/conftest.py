from tests.postgres import cluster
from tests.redis_server import redis_server

__all__ = ["cluster", "redis_server"]
