"""Tests of the interactive sandbox, `make sandbox`, which runs a project between the two simulated clouds."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from rich.console import Console

from sandbox.__main__ import PassTotals, describe_invocation, make_parser, make_upload_program, print_instructions
from sandbox.control import serve_control
from sandbox.fc.service import Invocation
from sandbox.prompt import Prompt
from support.process import allow_interrupts, start_process
from tools.package import ROOT
from tools.render import render

TIMEOUT = 60
RECORD = "oms_source_record/00000000-0000-4000-8000-00000000005a/success_object/hello 山.txt"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--oms-rate", "-5"], "-5 is not a rate: write calls per second, more than 0, such as 5"),
        (["--oms-rate", "0"], "0 is not a rate"),
        (["--oms-rate", "inf"], "inf is not a rate"),
        (["--oms-rate", "fast"], "fast is not a rate"),
        (["--trouble", "1.5"], "1.5 is not a share: write a number from 0 (none) to 1 (all), such as 0.3"),
        (["--trouble", "-0.1"], "-0.1 is not a share"),
        (["--trouble", "nan"], "nan is not a share"),
    ],
)
def test_the_interactive_sandbox_refuses_an_invalid_option(capsys, arguments, message):
    with pytest.raises(SystemExit, match=r"^2$"):
        make_parser().parse_args(arguments)

    assert message in capsys.readouterr().err


def run_python(code, *options):
    """Run Python code from standard input, with -i as if a user pasted it; return the printed lines."""
    process = subprocess.run(
        [sys.executable, *options, "-"], input=code, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert "Error" not in process.stderr, process.stderr
    return process.stdout.splitlines()


def test_the_sandboxs_example_can_be_pasted_into_python(box, tmp_path):
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path)

    assert run_python(make_upload_program(box), "-i")[-1] == str([RECORD])


def test_the_interactive_sandbox_runs_a_project_until_it_is_interrupted():
    words = [sys.executable, "-m", "sandbox"]
    with allow_interrupts(), start_process(words, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True) as process:
        instructions = ""
        while "Ctrl-C" not in instructions:
            instructions += next(process.stdout)
        (folder,) = re.findall(r"^cd (.*)$", instructions, re.MULTILINE)
        (upload,) = re.findall(r"^\S+ (upload\.py)$", instructions, re.MULTILINE)

        output_lines = run_python((Path(folder) / upload).read_text(encoding="utf-8"))
        line = next(line for line in process.stdout if line.strip())

        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=TIMEOUT)

    assert output_lines == [str([RECORD])]
    assert re.fullmatch("accepted in .*hello 山.txt\n", line)
    assert "Stopped. Nothing is kept." in output
    assert process.returncode == 0


INVOCATION = Invocation("replay", "id", 1, b"", "returned", {}, "", "", "", (), [], 0.1)


@pytest.mark.parametrize(
    ("log", "lines"),
    [
        (
            '2026-01-01T00:00:00Z {"job": "replay", "accepted": 2, "failed": 1}',
            ["submitted keys: 2 accepted, 1 failed"],
        ),
        ('{"job": "replay", "accepted": 0, "failed": 0}', []),
        ("a line of somebody else's, even with {braces}", []),
    ],
)
def test_the_interactive_sandbox_prints_an_invocation_with_results(log, lines):
    assert [
        line.partition("[/] ")[2] for line in describe_invocation(replace(INVOCATION, logs=[log]), PassTotals())
    ] == lines


def test_the_printed_numbers_of_a_pass_add_up_to_the_accepted_keys():
    totals = PassTotals()
    logs = [
        f'2026-01-01T00:00:00Z {{"job": "compare", "pass": "{name}", "accepted": {accepted}, "failed": 0}}'
        for name, accepted in (("p", 2), ("p", 2), ("p", 5), ("q", 1), ("p", 5))
    ]
    lines = [line for log in logs for line in describe_invocation(replace(INVOCATION, logs=[log]), totals)]
    assert [int(re.search(r"(\d+) accepted", line)[1]) for line in lines] == [2, 3, 1]


def test_the_instructions_of_the_interactive_sandbox_fit_24_lines(box, monkeypatch):
    monkeypatch.setattr("sys.executable", "/home/user/oss-oms-sync/.venv/bin/python")
    console = Console(record=True, width=80, file=io.StringIO())
    print_instructions(box, console, "http://127.0.0.1:40001", Path("/tmp/tmpabcdefgh/project"))
    instructions = console.export_text().splitlines()
    # Two lines before name the package, and the prompt follows.
    assert sum(max(1, -(-len(line) // 80)) for line in instructions) <= 21
    # With these variables, setup and migrate ask for no access key.
    variables = dict(line.removeprefix("export ").split("=", 1) for line in instructions if line.startswith("export "))
    assert variables.items() >= box.administrators().items()
    assert {"python3 ops.py setup", "python3 ops.py migrate"} <= {*instructions}


def run_commands(box, *lines: str) -> list[str]:
    return [Prompt(box).answer(line).rstrip("\n") for line in lines]


def test_the_prompt_changes_objects_in_the_two_simulated_clouds(box, tmp_path):
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path)
    in_oss, in_obs = box.oss.objects(box.source_bucket), box.obs.objects(box.destination_bucket)
    assert run_commands(box, "put 'a b' hello", "parts big") == [
        "a b is in OSS, 5 bytes.",
        "big is in OSS, 204800 bytes in two parts.",
    ]
    box.wait_idle(TIMEOUT)
    assert {key: in_obs[key].data for key in in_oss} == {key: stored.data for key, stored in in_oss.items()}
    run_commands(box, "tamper 'a b'", "put obs c theirs", "delete obs big", "delete 'a b'")
    assert {key: stored.data for key, stored in in_obs.items() if not key.startswith("oms/")} == {
        "a b": bytes(byte ^ 1 for byte in b"hello"),
        "c": b"theirs",
    }
    assert {*in_oss} == {"big"}


@pytest.mark.parametrize(
    ("break_command", "repair_command", "status"),
    [("oms down", "oms up", 503), ("key revoked", "key well", 401), ("throttle 0.001", "throttle off", 429)],
)
def test_the_prompt_stops_and_restores_the_simulated_oms(box, huawei, break_command, repair_command, status):
    run_commands(box, break_command)
    codes = {huawei.submit("a").status_code for _ in range(2)}
    run_commands(box, repair_command)
    assert status in codes
    assert huawei.submit("a").status_code == 200


@pytest.mark.parametrize(("mode", "calls"), [("lost", 0), ("twice", 2), ("well", 1)])
def test_the_prompt_changes_the_delivery_of_events(box, mode, calls):
    payloads: list[bytes] = []
    box.oss.add_trigger("mine", box.source_bucket, ["oss:ObjectCreated:PutObject"], "", "", payloads.append)
    run_commands(box, f"events {mode}", "put a")
    box.wait_idle(TIMEOUT)
    assert len(payloads) == calls


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("explode", "Unknown command: explode."),
        ("put", "The command has too few words after its name: 0."),
        ("put oss a b c", "The command has too many words after its name: 3."),
        ("put 'a", "No closing quotation"),
        ("later soon", "soon is not a time: write a number and s, m, h or d, such as 15m."),
        ("throttle -1", "The number of calls must be more than 0."),
        ("oms sideways", "Write down or up."),
        ("tamper nothing", "OBS has no object nothing."),
        ("delete nothing", "OSS has no object nothing."),
        ("delete obs nothing", "OBS has no object nothing."),
    ],
)
def test_the_prompt_explains_an_invalid_command(box, line, message):
    assert run_commands(box, line) == [f"{message} `help` lists the commands."]


def test_the_help_of_the_prompt_names_every_command(box):
    (text,) = run_commands(box, "help")
    names = {line.split()[0] for line in text.splitlines()}
    assert names == {name.removeprefix("do_") for name in dir(Prompt) if name.startswith("do_")} - {"EOF"}


def test_another_shell_can_send_a_command_to_the_interactive_sandbox(box):
    with serve_control(box) as address:
        text = requests.post(f"{address}/say", data=b"put a", timeout=TIMEOUT).text
    assert text == "a is in OSS, 5 bytes.\n"
    assert "a" in box.oss.objects(box.source_bucket)
