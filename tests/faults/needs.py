"""What a fault needs that not every machine has."""

import os

import pytest

services = pytest.mark.skipif(
    "DATABASE_URL" not in os.environ, reason="only with PostgreSQL and Redis"
)
