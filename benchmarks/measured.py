"""Run of a command with its CPU time and peak memory: `python -S -s measured.py WORD...`.

Prints a JSON object: CPU seconds, peak memory in kilobytes, exit code, and what the command wrote. A process of its own
between the benchmark and the command, because a peak includes the process that a command was forked from.
"""

import json
import resource
import subprocess
import sys

done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
took = {"cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss}
print(json.dumps({**took, "exit": done.returncode, "output": done.stdout}))
