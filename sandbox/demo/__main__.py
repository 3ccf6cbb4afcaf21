"""A demo of a whole migration, from the existing objects to the GO of a cutover.

The exit code is 0 only if each act accounts for every uploaded object, OBS equals OSS, and the last certificate is a
GO.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape

from sandbox import Sandbox
from sandbox.demo.acts import HOUR, play_outage, play_recovery, play_trouble
from sandbox.demo.cutover import play_copy_failures, play_cutover
from sandbox.demo.inventory import EXISTING_KEYS, make_contents
from sandbox.demo.language import choose, print_line, print_result
from sandbox.demo.picture import WIDTH, write_picture
from sandbox.demo.project import deploy, make_project, migrate, set_up

# The file is written by `make`, and is not in git.
CERTIFICATE = Path("dist") / "demo-certificate.json"


def main() -> int:
    options = argparse.ArgumentParser(
        prog="python -m sandbox.demo",
        description="Show a whole migration between two simulated clouds, from setup to GO, in about a minute.",
    )
    options.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        default=CERTIFICATE,
        help="file for the last certificate (default: dist/demo-certificate.json)",
    )
    options.add_argument("--picture", type=Path, metavar="FILE", help="also draw the last act to this file, as SVG")
    arguments = options.parse_args()
    console = Console(highlight=False, record=True, width=WIDTH) if arguments.picture else Console(highlight=False)
    print_line(
        console,
        choose(
            "[bold]A sandbox on this machine simulates both clouds: OSS and Function Compute, OMS and OBS. The project"
            " runs in these clouds.",
            "[bold]本机的沙箱模拟两家云（OSS 和函数计算，OMS 和 OBS），项目在其中运行。",
        ),
    )
    with Sandbox(bare=True) as box, TemporaryDirectory() as folder:
        # The demo advances the clock later, and a certificate must not be dated in the future.
        box.advance(-3 * HOUR)
        for key in EXISTING_KEYS:
            box.oss.put(box.source_bucket, key, make_contents(key))
        project = make_project(box, Path(folder), console)
        set_up(box, project, console)
        deploy(box, project, console)
        migrate(box, project, console)
        stages = [play_trouble(box, console), play_outage(box, console), play_recovery(box, console)]
        play_copy_failures(box, console)
        if arguments.picture:
            console.export_text()  # clears the recorded output of the earlier acts
        inventory, document = play_cutover(box, console)
    problems = [problem for stage in (*stages, inventory) for problem in stage.problems()]
    if inventory.missing_keys:
        problems.append(f"{len(inventory.missing_keys)} objects are missing at the end")
    if document["verdict"] != "GO":
        problems.append(f"the last certificate is a {document['verdict']}")
    arguments.certificate.parent.mkdir(exist_ok=True)
    arguments.certificate.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for problem in problems:
        console.print(f"[red]{escape(problem)}")
    if not arguments.picture:
        check_command = f"python3 template/ops.py check {arguments.certificate}"
        print_line(console, choose(f"To verify the certificate: {check_command}", f"校验证书：{check_command}"))
    if problems:
        console.print(choose("[red]The demo failed.", "[red]演示失败。"))
    else:
        print_result(
            console,
            "GO: every object was accounted for at every step, and the certificate proves that every source object is"
            " in OBS with equal contents.",
            "GO：每一步都能说明每个对象的状态，证书证明源端的每个对象都在 OBS 中，且内容一致。",
        )
    if arguments.picture:
        write_picture(console, arguments.picture)
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        Console(stderr=True).print(choose("\nStopped. Nothing is kept.", "\n已停止，不保留任何内容。"))
        sys.exit(130)
