"""Work on passes: one piece of one range at a time, by as many instances as there are ranges.

The worker that writes a piece and every worker woken by it act on the stored piece in the same way, so a lost worker or
a repeated event has no effect. Source: the protocol was tried in thousands of schedules; see tests/unit/passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from oss_oms_sync.answers.finding import Stop, Stopped
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import StorageError, log
from oss_oms_sync.passes.marks import KeyMark, expected_objects, find_cut, middle_of
from oss_oms_sync.passes.pieces import (
    MAX_PIECES,
    ROOT_RANGE,
    Kind,
    Pass,
    Piece,
    Scope,
    Tree,
    Wake,
    are_gapless,
    sum_pieces,
)
from oss_oms_sync.passes.states import too_large
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.settings import Settings

# Minimum number of objects worth two more instances: waking them takes the time of the walk.
MIN_SPLIT_OBJECTS = 20_000
# Seconds of a walk before the range is split, if no earlier pass shows its number of objects.
FIRST_SECONDS = 3.0
# Calls per second of a lane that only submits, with half a vCPU, half of it unused.
_CALLS_PER_SENDING_LANE = 5.0
_SUPERSEDED_STOP = Stopped(
    Stop.SUPERSEDED, "a newer pass of these keys has begun meanwhile, or the first piece of this one is unreadable"
)
_PAUSED_TEXT = ". {} pieces in a row made no progress, so the next attempt is tomorrow, or when you run it by hand"


@dataclass(frozen=True)
class RangeResult:
    """A worker's result for a range, and the error that ended its work, or None."""

    piece: Piece
    error: StorageError | None = None


# Classifies and submits the objects of a range after a piece, for a number of seconds; the given number of open ranges
# share the rate.
Walk = Callable[[Pass, Piece, int, float], RangeResult]


def lane_count(settings: Settings, scope: Scope) -> int:
    """Return the number of ranges to work on at the same time.

    The rate limits the lanes that submit. If every object is submitted, a few lanes use up the rate, and more would be
    billed for waiting.
    """
    calls = _CALLS_PER_SENDING_LANE if scope.everything and not scope.since else 0.5
    return min(settings.lanes, max(1, int(settings.oms_rate / calls)))


class Worker:
    """A worker for the passes of a job."""

    def __init__(self, invocation: Invocation, store: PassStore, walk: Walk) -> None:
        self._settings = invocation.settings
        self._source = invocation.source_bucket
        self._listing_seconds = invocation.listing_seconds
        self._store = store
        self._walk = walk

    def begin(self, pass_: Pass) -> Piece:
        """Do the first piece of a pass, which creates the pass, and return the stored piece.

        If this is impossible, return an unstored piece with the reason.

        Raises StorageError: earlier work is kept.
        """
        start = Piece(about=pass_)
        if pass_.scope.standstill:
            self._store.write_sign(pass_.name, ROOT_RANGE, 0)
        return self._do(pass_, ROOT_RANGE, -1, start, Tree(())) or replace(
            start, kind=Kind.RESTING, stopped=_SUPERSEDED_STOP
        )

    def go_on(self, wake: Wake, *, rested: bool = False) -> Piece | None:
        """Do the next piece of a range, or the step after its last piece; `rested`: also during a pause.

        Return the last stored piece; None if there is nothing to do: another worker was faster, or the pass was
        deleted, does not match the settings, or is not the newest of its scope.

        Raises StorageError: earlier work is kept.
        """
        pass_, tree = self._current(wake.pass_name), self._store.tree(wake.pass_name)
        if pass_ is None:
            return None
        if tree.is_complete:
            if not tree.has_total:
                self._end(pass_, tree)  # the worker that wrote the last end stopped before this
            return None
        number = tree.last.get(wake.range_name)
        if number is None or wake.range_name not in tree.open or wake.number not in (None, number):
            return None
        last = self._store.read(wake.pass_name, wake.range_name, number)
        if last is None or (last.kind is Kind.RESTING and not rested):
            return None
        if last.kind in (Kind.SPLIT, Kind.DONE):
            return self._act(pass_, wake.range_name, last)
        if tree.pieces >= MAX_PIECES:
            log.error({"pass": pass_.name, "problem": too_large(tree.pieces).why})
            return replace(last, kind=Kind.RESTING, stopped=too_large(tree.pieces))
        self._store.write_sign(wake.pass_name, wake.range_name, number + 1)
        return self._do(pass_, wake.range_name, number, last, tree)

    def _current(self, pass_name: str) -> Pass | None:
        """Return the pass if it is readable, matches the settings and is the newest; otherwise None."""
        pass_ = self._store.about(pass_name)
        if pass_ is None or not self._store.is_about(pass_) or self._store.newest(pass_name) != pass_name:
            return None
        return pass_

    def _do(self, pass_: Pass, range_name: str, number: int, last: Piece, tree: Tree) -> Piece | None:
        """Do the piece after `last` and write it, unless a newer pass has begun meanwhile."""
        start = replace(last, kind=Kind.MORE, stopped=None)
        walked = self._split_or_walk(pass_, range_name, start, max(1, len(tree.open)))
        is_first = number < 0
        if self._store.newest(pass_.name) > pass_.name if is_first else self._current(pass_.name) is None:
            return None
        piece = replace(_pause_without_progress(walked.piece, start), about=start.about if is_first else None)
        stored = self._store.write(pass_.name, range_name, number + 1, piece)
        # Another worker may have begun the same pass earlier: its description is valid.
        current = stored.about if stored and is_first else pass_
        if stored and current:
            self._act(current, range_name, stored)
        if walked.error:
            raise walked.error
        return stored

    def _split_or_walk(self, pass_: Pass, range_name: str, start: Piece, open_ranges: int) -> RangeResult:
        """Split a range if a lane is free and half of the range is worth an invocation; otherwise walk through it."""
        seconds, lanes = self._settings.piece_seconds, lane_count(self._settings, pass_.scope)
        if open_ranges >= lanes:
            return self._walk(pass_, start, open_ranges, seconds)
        marks = self._store.earlier_marks(pass_)
        begins = start.after == start.begin
        # While the first ranges begin, lanes without a range are not free.
        is_share = begins and not _is_shared(range_name, lanes)
        if marks and (is_share or expected_objects(start.after, start.until, marks) < MIN_SPLIT_OBJECTS):
            return self._walk(pass_, start, open_ranges, seconds)
        walked = RangeResult(start)
        if not marks:
            # The length of the range is unknown; this time may suffice.
            walked = self._walk(pass_, start, open_ranges, min(seconds, FIRST_SECONDS))
            if walked.error or walked.piece.kind is not Kind.MORE:
                return walked
        # A new range is split like its halves: by the marks alone, if they suffice.
        cut = middle_of(start.after, start.until, marks) if marks and begins else None
        with suppress(StorageError):  # the walk meets the same error and records it
            cut = cut or self._cut(pass_, walked.piece, marks)
        if cut:
            return RangeResult(replace(walked.piece, kind=Kind.SPLIT, cut=cut))
        return self._walk(pass_, walked.piece, open_ranges, seconds)

    def _act(self, pass_: Pass, range_name: str, stored: Piece) -> Piece:
        """Do the step after a piece; every worker that knows the piece may do it."""
        if stored.kind is Kind.SPLIT:
            self._begin_halves(pass_, range_name, stored)
        elif stored.kind is Kind.DONE:
            self._store.write_end(pass_.name, range_name)
            tree = self._store.tree(pass_.name)
            if tree.is_complete and not tree.has_total:
                self._end(pass_, tree)
        return stored

    def _begin_halves(self, pass_: Pass, range_name: str, stored: Piece) -> None:
        """Write the first pieces of both halves, and of their halves if the marks show where these split.

        It stops at as many ranges as lanes. Without it, each range would wait for an invocation to find its cut.
        """
        lanes = lane_count(self._settings, pass_.scope)
        marks = self._store.earlier_marks(pass_) if _is_shared(f"{range_name}0", lanes) else ()
        split = [(range_name, stored)]
        for name, piece in split:
            for half, start in zip("01", piece.halves(), strict=True):
                may_split = _is_shared(f"{name}{half}", lanes) and len(split) + 1 < lanes
                planned = _first_piece(start, marks) if may_split else start
                first = self._store.write(pass_.name, f"{name}{half}", 0, planned)
                if first and first.kind is Kind.SPLIT:
                    split.append((f"{name}{half}", first))

    def _end(self, pass_: Pass, tree: Tree) -> None:
        """Write the total. Every worker writes the same total, because pieces do not change."""
        pieces = self._store.last_pieces(pass_.name, tree)
        if not are_gapless(pieces):
            # A piece is unreadable, or was written between two pages of the listing; the next worker reads it.
            log.error({"pass": pass_.name, "problem": "its pieces do not fit together, so there is no total yet"})
            return
        before = self._store.state(pass_.before) if pass_.before else None
        self._store.write_total(pass_, sum_pieces(pieces).completed(before.tally if before else None), tree)
        self._store.delete_old(pass_.name)

    def _cut(self, pass_: Pass, start: Piece, marks: Sequence[KeyMark]) -> str | None:
        """Return the key at which to split the remainder of a range.

        None if the remainder is one page or has no such key.
        """
        prefix, source = pass_.scope.key_filter.prefix, self._source.within(self._listing_seconds())
        page = source.list_page(prefix, start.after)
        last = page.objects[-1].name if page.objects else ""
        if not page.more or (start.until and last >= start.until):
            return None

        def next_key(after: str) -> str | None:
            following = source.first_name(prefix, after)
            return following if following and not (start.until and following > start.until) else None

        cut = find_cut(page.objects[0].name, start.until, marks, next_key)
        is_inside = cut is not None and start.after < cut and (not start.until or cut < start.until)
        return cut if is_inside else None


def _is_shared(range_name: str, lanes: int) -> bool:
    """Return True if there are more lanes than ranges of this range's level of halving."""
    return 1 << (len(range_name) - len(ROOT_RANGE)) < lanes


def _first_piece(start: Piece, marks: Sequence[KeyMark]) -> Piece:
    """Return the first piece of a range to be shared: it splits immediately if half of it is worth an invocation."""
    is_large = expected_objects(start.after, start.until, marks) >= MIN_SPLIT_OBJECTS
    cut = middle_of(start.after, start.until, marks) if is_large else None
    return replace(start, kind=Kind.SPLIT, cut=cut) if cut else start


def _pause_without_progress(piece: Piece, start: Piece) -> Piece:
    """Pause after a piece without progress; until the next day after many such pieces in a row.

    Otherwise the event of each such piece would wake the next.
    """
    if piece.kind in (Kind.SPLIT, Kind.DONE) or piece.after != start.after:
        return replace(piece, stuck=0)
    stopped = piece.stopped or Stopped(Stop.NO_PROGRESS, "there was no time for a single batch")
    resting = replace(piece, kind=Kind.RESTING, stopped=stopped, stuck=start.stuck + 1)
    if not resting.is_stuck:
        return resting
    return replace(resting, stopped=stopped._replace(why=stopped.why + _PAUSED_TEXT.format(resting.stuck)))
