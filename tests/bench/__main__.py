"""All figures, one bench after another: `make bench`.  Each can be run alone, with its own numbers: python -m tests.bench.NAME --help"""

from __future__ import annotations

import subprocess
import sys

BENCHES = ("session_bench", "placement_bench", "api_bench", "lab")


def main() -> None:
    for name in BENCHES:
        print(f"--- {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=True)


if __name__ == "__main__":
    main()
