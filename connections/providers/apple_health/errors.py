"""The two ways an export can disappoint: as a whole, and one element at a time."""

AS_APPLE_MADE_IT = (
    "Please upload the zip exactly as the Health app on the iPhone made it "
    "(profile picture, then Export All Health Data)."
)
UNLIKE_APPLE = f"The file is built in a way that no Apple Health export is. {AS_APPLE_MADE_IT}"


class NotAnExport(Exception):
    """The upload cannot be read; the message tells the tester why and what to do."""


class Skip(Exception):
    """One element is left out; the message completes "records with ..." in the problems."""
