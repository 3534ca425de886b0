"""Runs a command and prints, as the last line of stdout, what it cost: {"code", "seconds", "user", "system", "peakBytes"}.

The figures are the kernel's for the process with all its threads and the children that it waited for (wait4).
"""

import json
import os
import sys
import time

started = time.monotonic()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
seconds = time.monotonic() - started
print(json.dumps({
    "code": os.waitstatus_to_exitcode(status),
    "seconds": seconds,
    "user": usage.ru_utime,
    "system": usage.ru_stime,
    # kilobytes, but bytes on macOS
    "peakBytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
}), flush=True)
