"""A world for the tests of certify, in which each step of a cutover is a method."""

from __future__ import annotations

from typing import Any

from oss_oms_sync.clock import timestamp
from sandbox.oms.copier import CopyFault
from support.world import FROZEN, HOUR, MINUTE, PART, TICK, World, payload


class CertifyWorld(World):
    """A world in which OMS has copied the source objects `keys`, an hour after the installation."""

    def __init__(self, *keys: str, **environment: str) -> None:
        super().__init__(**{"OMS_RATE": "1000", **environment})
        self.install()
        self.task.part_size = PART
        self.frozen = ""
        for key in keys:
            self.put(key, key[:2])
        self.advance(1)

    # Events of objects.

    def put(self, key: str, data: str, kind: str = "md5", fate: str = "copied") -> None:
        """Write an object to the source.

        `fate`: its event is lost, refused by OMS or accepted, or OMS copies the object at once. `kind`: with other
        kinds than `md5`, the ETag is not the MD5 of the contents.
        """
        self.upload(key, data, kind=kind)
        if fate != "lost" and kind != "Symlink":
            self.send(key, fate)

    def send(self, key: str, fate: str) -> None:
        """Deliver an event of the object, which may be a repetition."""
        if fate == "refused":
            self.oms.faults.then(FROZEN, where=lambda request: request.method == "POST")
        elif fate == "accepted":
            self.task.copies.then(CopyFault.withheld())
        etag = self.source.service.objects(self.source.name)[key].etag
        self.forward(payload(key, etag=etag, time=timestamp(self.clock.now())))
        self.advance(0.01)

    def copy_all(self) -> None:
        """Let OMS copy the objects that were held back."""
        copies = list(self.task.withheld)
        self.task.begin(*copies)
        self.task.end(*copies)

    # Calls of jobs.

    def replay(self) -> None:
        """Invoke replay by hand; the project must be open."""
        self.call(open=True, after_go=True)
        self.tick_replay("")

    def tick_replay(self, text: str = TICK) -> None:
        """Fire replay's timer; only such a run reads OMS's lists."""
        self.ask("replay", text, 240)
        self.advance(0.01)

    def compare(self, **asked: object) -> dict[str, Any]:
        """Run a comparison, by default from the start.

        It needs an open project, unless it is a standstill pass.
        """
        if "standstill" not in asked:
            self.call(open=True, after_go=True)
        answer = self.ask("compare", asked if "again" in asked else {"restart": True, **asked})
        self.advance(0.01)
        return answer

    def stand_still(self, wait: float = 15 * MINUTE) -> None:
        """Close the project, let OMS finish, fire replay's timer, and run a standstill pass."""
        self.call(close=True)
        self.advance(wait)
        self.tick_replay()
        self.compare(standstill=True)

    def freeze(self, wait: float = HOUR) -> None:
        """Freeze the source, and let the objects in progress arrive."""
        self.advance(1)
        self.frozen = timestamp(self.clock.now())
        self.tick_replay()
        self.advance(wait)

    def prove(self, **asked: object) -> None:
        """Run all steps that a certificate needs, from the comparison on."""
        self.compare(**asked)
        self.stand_still()

    def get_ready(self, wait: float = HOUR, **asked: object) -> None:
        """Freeze the source, and run all steps that a certificate needs."""
        self.freeze(wait)
        self.prove(**asked)

    def cut_over(self, wait: float = HOUR, **asked: object) -> dict[str, Any]:
        """Run all steps of a cutover; return the certificate."""
        self.get_ready(wait, **asked)
        return self.certify()

    def recheck(self, **asked: object) -> None:
        """Recheck the objects that differed, an hour later, and run a standstill pass."""
        self.advance(HOUR)
        self.compare(again=True, **asked)
        self.stand_still()

    def certify(self, timeout: float = 570, **asked: object) -> dict[str, Any]:
        self.advance(1)
        return self.call(timeout, frozen_since=self.frozen, **asked)

    def rehearse(self, **asked: object) -> dict[str, Any]:
        return self.call(**asked)

    def call(self, timeout: float = 570, **asked: object) -> dict[str, Any]:
        return self.ask("certify", asked, timeout)

    def is_go(self, **asked: object) -> bool:
        document = self.certify(**asked)
        assert verdict(document) == ("GO", {}), document["text"]
        return True

    def stopped_by(self, name: str, result: str = "failed", *also: str, **asked: object) -> dict[str, Any]:
        """Return the check `name`, and assert that no other check prevents a GO.

        Checks that were not run, and those in `also`, may fail as well.
        """
        document = self.certify(**asked)
        says = "NO-GO" if result == "failed" else "NOT PROVEN"
        assert verdict(document) == (says, {name: result, **dict.fromkeys(also, "not run")}), document["text"]
        return check(document, name)


def results(document: dict[str, Any]) -> dict[str, str]:
    """Return the results of the checks that did not pass, by id."""
    return {
        finding["id"]: finding["result"]
        for finding in document["checks"]
        if finding["gates"] and finding["result"] != "passed"
    }


def verdict(document: dict[str, Any]) -> tuple[str, dict[str, str]]:
    return document["verdict"], results(document)


def check(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the check with this id."""
    return next(finding for finding in document["checks"] if finding["id"] == name)
