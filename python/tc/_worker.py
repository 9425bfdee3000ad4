"""Where the executable of the tuner's workers is."""
import os
from pathlib import Path


def path() -> str:
    """TC_WORKER, else the one that came with this package."""
    return os.environ.get("TC_WORKER") or str(Path(__file__).parent / "bin" / "tc-worker")
