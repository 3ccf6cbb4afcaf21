"""A program that runs a command and measures its CPU time and peak memory: `python -S -s measured.py WORD...`.

It prints a JSON object; the peak memory is in kilobytes. It is a separate program, because the peak memory of a process
includes that of the process from which it was forked.
"""

import json
import resource
import subprocess
import sys

process = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
figures = {"cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss}
print(json.dumps({**figures, "exit": process.returncode, "output": process.stdout}))
