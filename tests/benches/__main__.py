"""All benches, one after the other: ``python -m tests.benches --scale 1.0``."""

import subprocess
import sys

BENCHES = ("covisit", "tencent_answer")

if __name__ == "__main__":
    for bench in BENCHES:
        subprocess.run([sys.executable, "-m", f"tests.benches.{bench}", *sys.argv[1:]], check=True)
