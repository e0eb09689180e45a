"""What a process takes of the memory."""

import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def resident_bytes() -> int:
    """This process's memory now; where the system does not tell, the most it ever had."""
    return status_bytes("VmRSS") if STATUS.exists() else most_since_start()


def peak_bytes() -> int:
    """The most memory that this process ever had."""
    # The system's resource usage goes on from that of the process that started this one.
    return status_bytes("VmHWM") if STATUS.exists() else most_since_start()


def status_bytes(field: str) -> int:
    """A size that Linux tells of this process."""
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return 1024 * int(lines[field].split()[0])


def most_since_start() -> int:
    """The largest resident size by the account that every Unix keeps."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
