"""`make sandbox`: the whole project between both clouds, to play with."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from sandbox.__main__ import describe, parser, snippet
from sandbox.fc.service import Invocation
from support.process import interruptible, started
from tools.package import ROOT
from tools.render import render

PATIENCE = 60
RECORD = "oms_source_record/00000000-0000-4000-8000-00000000005a/success_object/hello 山.txt"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--oms-rate", "-5"], "-5 is no rate: give calls a second, more than 0, such as 5"),
        (["--oms-rate", "0"], "0 is no rate"),
        (["--oms-rate", "inf"], "inf is no rate"),
        (["--oms-rate", "fast"], "fast is no rate"),
        (["--trouble", "1.5"], "1.5 is no share: give a number from 0 (none) to 1 (all), such as 0.3"),
        (["--trouble", "-0.1"], "-0.1 is no share"),
        (["--trouble", "nan"], "nan is no share"),
    ],
)
def test_a_senseless_option_is_refused(capsys, arguments, message):
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(arguments)

    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_sensible_options_are_taken():
    options = parser().parse_args(["--oms-rate", "0.5", "--trouble", "1", "--runtime", "python3.10"])

    assert (options.oms_rate, options.trouble, options.runtime) == (0.5, 1.0, "python3.10")


def run_python(code, *options):
    """Code as standard input: a file, or with -i what somebody pastes."""
    done = subprocess.run(
        [sys.executable, *options, "-"], input=code, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert "Error" not in done.stderr, done.stderr
    return done.stdout.splitlines()


def ask(printed: str) -> str:
    """What `ops.py doctor` says in the folder and with the address that are printed."""
    variable, address = re.search(r"^export (\w+)=(.*)$", printed, re.MULTILINE).groups()
    (folder,) = re.findall(r"^cd (.*)$", printed, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "ops.py", "doctor", "--lang", "en"],
        cwd=folder,
        env={**os.environ, variable: address},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("options", [[], ["-i"]], ids=["run as a file", "pasted into Python"])
def test_the_snippet_shows_the_record_of_what_it_uploads(box, tmp_path, options):
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path)

    assert run_python(snippet(box), *options)[-1] == str([RECORD])


def test_the_whole_project_runs_until_it_is_interrupted():
    """What is printed is pasted, and what the functions do is shown."""
    words = [sys.executable, "-m", "sandbox"]
    with interruptible(), started(words, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True) as process:
        printed = []
        while not (printed and printed[-1].startswith("What the functions do")):
            printed.append(next(process.stdout))
        first = next(number for number, line in enumerate(printed) if line.startswith("import time, oss2"))
        last = next(number for number, line in enumerate(printed) if line.startswith("print(records)"))

        shown = run_python("".join(printed[first : last + 1]))
        line = next(line for line in process.stdout if line.strip())
        found = ask("".join(printed))

        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE)

    assert shown == [str([RECORD])]
    assert found.startswith("Set up right: ")
    assert line.startswith("accepted in ")
    assert line.endswith("hello 山.txt\n")
    assert "Stopped. Nothing is kept." in rest
    assert process.returncode == 0


INVOCATION = Invocation("replay", "id", 1, b"", "returned", {}, "", "", "", (), [], 0.1)


@pytest.mark.parametrize(
    ("log", "lines"),
    [
        ('2026-01-01T00:00:00Z {"job": "replay", "accepted": 2, "failed": 1}', ["sent again: 2 accepted, 1 failed"]),
        ('{"job": "replay", "accepted": 0, "failed": 0}', []),
        ("a line of somebody else's, even with {braces}", []),
    ],
)
def test_a_timers_work_is_told_where_there_was_any(log, lines):
    assert [line.partition("[/] ")[2] for line in describe(replace(INVOCATION, logs=[log]))] == lines
