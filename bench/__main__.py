"""Every benchmark, one after the other, each beside its yardstick: make bench"""

import subprocess
import sys

BENCHMARKS = {
    "Apple Health: the reader alone": "bench.apple_health",
    "Apple Health: imported by a worker": "bench.apple_import_worker",
    "Register: free and taken address": "bench.register",
}


def main() -> int:
    failed = 0
    for title, module in BENCHMARKS.items():
        print(f"\n== {title} ==", flush=True)
        failed |= subprocess.run([sys.executable, "-m", module], check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
