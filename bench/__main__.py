"""Every benchmark, one after the other, each beside its yardstick: make bench"""

import subprocess
import sys

BENCHMARKS = {
    "Apple Health: from the zip to days and to rows": "bench.apple_health",
    "Apple Health: imported by a worker": "bench.apple_import_worker",
    "Upload: a gigabyte through the page": "bench.upload",
    "Register: free and taken address": "bench.register",
    "Prompts: what a day costs to ask about": "bench.prompts",
    "Sources: handing out those that are due": "bench.refresh",
    "Game: the best line over 21 stages": "bench.best_line",
    "Coach: the scenarios put to the stand-in model": "bench.evaluate",
}


def main() -> int:
    failed = 0
    for title, module in BENCHMARKS.items():
        print(f"\n== {title} ==", flush=True)
        failed |= subprocess.run([sys.executable, "-m", module], check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
