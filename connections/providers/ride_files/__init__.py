"""Reads a FIT, TCX or GPX file, packed with gzip or not, into its rides. Without Django."""

from connections.providers.ride_files.errors import NotARideFile, TooLarge
from connections.providers.ride_files.reader import RecordedFile, read_ride_file, read_rides
from connections.providers.ride_files.recording import RecordedRide

__all__ = [
    "NotARideFile",
    "RecordedFile",
    "RecordedRide",
    "TooLarge",
    "read_ride_file",
    "read_rides",
]
