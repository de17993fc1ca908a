"""Reads an Apple Health export, zip or XML of any size, in little memory and without Django."""

from connections.providers.apple_health.errors import NotAnExport
from connections.providers.apple_health.export import HealthDay, HealthExport, HealthWorkout
from connections.providers.apple_health.reader import read_export

__all__ = ["HealthDay", "HealthExport", "HealthWorkout", "NotAnExport", "read_export"]
