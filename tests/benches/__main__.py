"""All benches, one after the other: ``python -m tests.benches``; ``--scale`` in place of each one's own."""

import subprocess
import sys

BENCHES = ("news_peers", "flight_peers", "mgtv_peers", "tencent_search")

if __name__ == "__main__":
    for bench in BENCHES:
        subprocess.run([sys.executable, "-m", f"tests.benches.{bench}", *sys.argv[1:]], check=True)
