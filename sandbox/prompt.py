"""Commands for a running sandbox: at the prompt of `make sandbox`, or from another shell over HTTP (`control`)."""

from __future__ import annotations

import cmd
import io
import shlex
from collections.abc import Sequence
from datetime import datetime, timezone

from oss2.models import PartInfo

from sandbox.oss.deliveries import EventFault
from sandbox.sandbox import Sandbox
from sandbox.server.faults import Fault

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_EVENT_FAULTS = {"lost": EventFault.lost(), "twice": EventFault.twice(), "well": None}
# The size of each part, which is OSS's minimum.
_PART_BYTES = 100 * 1024


class _UsageError(Exception):
    """An error in the arguments of a command."""


class Prompt(cmd.Cmd):
    """A prompt for commands; each method `do_...` is a command, whose docstring is its help text."""

    prompt = "sandbox> "

    def __init__(self, box: Sandbox) -> None:
        super().__init__()
        self._box = box

    def answer(self, line: str) -> str:
        self.stdout = io.StringIO()
        self.onecmd(line)
        return self.stdout.getvalue()

    def do_put(self, line: str) -> None:
        """put [oss|obs] KEY [TEXT]: write an object to OSS (default), or to OBS as an application would"""
        cloud, key, *text = _split_cloud(line, 1, 2)
        data = "".join(text or ["hello"]).encode()
        if cloud == "obs":
            self._box.obs.put(self._box.destination_bucket, key, data)
        else:
            self._box.bucket(self._box.source_bucket).put_object(key, data)
        self._print_line(f"{key} is in {cloud.upper()}, {len(data)} bytes.")

    def do_parts(self, line: str) -> None:
        """parts KEY: write an object to OSS in two parts, so that its ETag is not an MD5"""
        (key,) = _split_words(line, 1, 1)
        bucket = self._box.bucket(self._box.source_bucket)
        upload_id = bucket.init_multipart_upload(key).upload_id
        parts = [
            PartInfo(number, bucket.upload_part(key, upload_id, number, bytes([number]) * _PART_BYTES).etag)
            for number in (1, 2)
        ]
        bucket.complete_multipart_upload(key, upload_id, parts)
        self._print_line(f"{key} is in OSS, {2 * _PART_BYTES} bytes in two parts.")

    def do_tamper(self, line: str) -> None:
        """tamper KEY: change an object's contents in OBS, but not its size"""
        (key,) = _split_words(line, 1, 1)
        objects = self._box.obs.objects(self._box.destination_bucket)
        if key not in objects:
            raise _UsageError(f"OBS has no object {key}.")
        contents = bytes(byte ^ 1 for byte in objects[key].data)
        self._box.obs.put(self._box.destination_bucket, key, contents)
        self._print_line(f"{key} has different contents of the same size in OBS.")

    def do_delete(self, line: str) -> None:
        """delete [oss|obs] KEY: delete an object in OSS (default) or OBS"""
        cloud, key = _split_cloud(line, 1, 1)
        obs_objects, oss_objects = (
            self._box.obs.objects(self._box.destination_bucket),
            self._box.oss.objects(self._box.source_bucket),
        )
        if key not in (obs_objects if cloud == "obs" else oss_objects):
            raise _UsageError(f"{cloud.upper()} has no object {key}.")
        if cloud == "obs":
            self._box.obs.delete(self._box.destination_bucket, key)
        else:
            self._box.bucket(self._box.source_bucket).delete_object(key)
        self._print_line(f"{key} is deleted from {cloud.upper()}.")

    def do_oms(self, line: str) -> None:
        """oms down|up: let OMS answer 503 to every call, or work again"""
        self._switch_service("OMS", line)

    def do_obs(self, line: str) -> None:
        """obs down|up: let OBS answer 503 to every request, or work again"""
        self._switch_service("OBS", line)

    def do_throttle(self, line: str) -> None:
        """throttle N|off: let OMS accept only N calls a second and answer 429 to others, or accept all calls"""
        (rate,) = _split_words(line, 1, 1)
        try:
            calls_per_second = None if rate == "off" else float(rate)
        except ValueError:
            raise _UsageError(f"{rate} is not a number of calls.") from None
        if calls_per_second is not None and calls_per_second <= 0:
            raise _UsageError("The number of calls must be more than 0.")
        self._box.oms.throttle(calls_per_second)
        self._print_line(
            "OMS accepts all calls."
            if calls_per_second is None
            else f"OMS accepts {calls_per_second:g} calls a second."
        )

    def do_events(self, line: str) -> None:
        """events lost|twice|well: from now on, deliver no event of the source bucket, or each event twice, or once"""
        (mode,) = _split_words(line, 1, 1)
        if mode not in _EVENT_FAULTS:
            raise _UsageError("Write lost, twice or well.")
        deliveries = self._box.oss.deliveries(self._box.source_bucket)
        deliveries.clear()
        if fault := _EVENT_FAULTS[mode]:
            deliveries.add(fault)
        self._print_line(
            {"lost": "Events are lost.", "twice": "Events are delivered twice.", "well": "Events are delivered once."}[
                mode
            ]
        )

    def do_key(self, line: str) -> None:
        """key revoked|well: revoke or restore the functions' access key at Huawei Cloud"""
        (state,) = _split_words(line, 1, 1)
        key, secret = self._box.huawei_credentials
        for cloud in (self._box.oms, self._box.obs):
            if state == "revoked":
                cloud.remove_credentials(key)
            elif state == "well":
                cloud.add_credentials(key, secret)
            else:
                raise _UsageError("Write revoked or well.")
        self._print_line(f"The functions' access key is {'revoked' if state == 'revoked' else 'restored'}.")

    def do_later(self, line: str) -> None:
        """later 90s|15m|2h|1d: advance the sandbox's clock by this time, then fire the timers"""
        (text,) = _split_words(line, 1, 1)
        number, unit = text[:-1], text[-1:]
        if not (number.isascii() and number.isdigit() and unit in _UNITS):
            raise _UsageError(f"{text} is not a time: write a number and s, m, h or d, such as 15m.")
        self._box.wait_idle(60)
        self._box.advance_and_tick(int(number) * _UNITS[unit])
        self.do_clock("")

    def do_clock(self, line: str) -> None:
        """clock: show the sandbox's time"""
        _split_words(line, 0, 0)
        now = datetime.fromtimestamp(self._box.now(), timezone.utc)
        lead = round(self._box.clock_lead)
        difference = f"{abs(lead)} seconds {'ahead of' if lead > 0 else 'behind'}" if lead else "the same as"
        self._print_line(f"The sandbox's time is {now:%Y-%m-%dT%H:%M:%SZ}, {difference} this machine's clock.")

    def do_help(self, line: str) -> None:
        """help: list the commands"""
        _split_words(line, 0, 0)
        for name in self.get_names():
            if name.startswith("do_") and name != "do_EOF":
                usage, _, description = (getattr(self, name).__doc__ or "").partition(": ")
                self._print_line(f"{usage:30} {description}")

    def do_quit(self, _line: str) -> bool:
        """quit: end the sandbox, and delete its contents"""
        return True

    do_EOF = do_quit  # noqa: N815 (the library's name)

    def onecmd(self, line: str) -> bool:
        """Run a command, and print its error if it fails; return True if the command ends the prompt."""
        try:
            return bool(super().onecmd(line))
        except (_UsageError, ValueError) as error:  # ValueError: a quotation mark has no counterpart
            self._print_line(f"{error} `help` lists the commands.")
            return False

    def default(self, line: str) -> None:
        raise _UsageError(f"Unknown command: {line.split()[0]}.")

    def emptyline(self) -> bool:
        """Do nothing; the base class would repeat the last command."""
        return False

    def _switch_service(self, name: str, line: str) -> None:
        (state,) = _split_words(line, 1, 1)
        if state not in ("down", "up"):
            raise _UsageError("Write down or up.")
        faults = (self._box.oms if name == "OMS" else self._box.obs).faults
        faults.clear()
        if state == "down":
            faults.add(Fault.status(503))
        self._print_line(f"{name} is {state}.")

    def _print_line(self, text: str) -> None:
        print(text, file=self.stdout)


def _split_words(line: str, minimum: int, maximum: int) -> list[str]:
    return _check_count(shlex.split(line), minimum, maximum)


def _check_count(words: list[str], minimum: int, maximum: int) -> list[str]:
    if not minimum <= len(words) <= maximum:
        raise _UsageError(
            f"The command has too {'few' if len(words) < minimum else 'many'} words after its name: {len(words)}."
        )
    return words


def _split_cloud(line: str, minimum: int, maximum: int) -> Sequence[str]:
    """Return the cloud in the first word, or OSS if that word names no cloud, followed by the other words."""
    words = shlex.split(line)
    cloud = words.pop(0) if words[:1] in (["oss"], ["obs"]) else "oss"
    return [cloud, *_check_count(words, minimum, maximum)]
