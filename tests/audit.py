"""The dependency audit, with a canary: an index without advisories must not look like a clean bill.

`python -m tests.audit` fails on a known vulnerability. Where the index tells nothing, not even of
an old release everybody knows to be vulnerable, the audit is reported as not run.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

CANARY = "requests==2.19.0"


def audit(requirements: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--progress-spinner", "off"),
            *("--disable-pip", "--no-deps", "--requirement", str(requirements)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        canary = Path(folder) / "canary.txt"
        canary.write_text(CANARY + "\n")
        told = audit(canary)
    if "GHSA" not in told.stdout and "PYSEC" not in told.stdout and "CVE" not in told.stdout:
        print("dependency audit: not run, no advisories can be reached from here")
        return 0
    result = audit(Path("requirements.txt"))
    print(result.stdout or result.stderr)
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
