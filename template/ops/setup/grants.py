"""Waits until new keys may do what they were granted, which they may only some time later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from ops.clouds.wire import RefusedError
from ops.errors import UsageError
from ops.setup.needs import NotYetError
from ops.waiting import Session, pause
from oss_oms_sync.answers.text import Text, t

T = TypeVar("T")

# How often a new key is tried, and how long grants take at most, by both vendors' pages.
_TRY_SECONDS = 20.0
_GRANTS = timedelta(minutes=35)
# What OMS and OBS say of a key whose rights, or which itself, they do not see yet. What OMS's gateway says is of the
# administrator's key, to which nobody has just granted anything.
_NOT_YET_SEEN = ("OMS.0068", "OMS.0072", "AccessDenied", "InvalidAccessKeyId")
# What is answered to a key that nobody has, or to another secret.
_UNKNOWN = ("OMS.0068", "InvalidAccessKeyId", "SignatureDoesNotMatch")
LATER = t("Run this again later: it goes on from here")


class Grants:
    """What new keys may do, which acts some time after they were made: all of it is waited for at most so long."""

    def __init__(self, session: Session) -> None:
        self._session, self._end = session, session.clock.now() + _GRANTS

    def wait(self, what: Text, attempt: Callable[[], T], *, is_new: bool = True) -> T:
        """Try with a key until its grants act; return what `attempt` does. One that was handed over is known to the
        cloud at once. Raises NotYetError, and what `attempt` raises for other reasons."""
        while True:
            try:
                return attempt()
            except RefusedError as error:
                if not is_new and error.code in _UNKNOWN:
                    raise UsageError(
                        t("{what}: no user has the key that was given: {happened}", what=what, happened=error.happened),
                        t("Run this again, and give its access key and its secret"),
                    ) from None
                if error.code not in _NOT_YET_SEEN:
                    raise
                if self._session.clock.now() >= self._end:
                    raise NotYetError(
                        t("{what}: the new key still may not: {happened}", what=what, happened=error.happened), LATER
                    ) from None
            pause(self._session, _TRY_SECONDS, t("Waiting until the new key may do it: {what}", what=what))
