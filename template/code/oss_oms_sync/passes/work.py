"""The protocol of a pass: workers, one for each range of keys, process their ranges piece by piece.

A piece is the work of one invocation. The worker that writes a piece and every worker that is called for it act on the
stored piece in the same way, so a lost worker or a repeated event has no effect. Tests in tests/unit/passes try the
protocol in thousands of schedules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from oss_oms_sync.answers.finding import Stop, Stopped
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import StorageError, log
from oss_oms_sync.passes.marks import KeyMark, estimate_objects, find_cut, find_middle
from oss_oms_sync.passes.pieces import (
    MAX_PIECES,
    ROOT_RANGE,
    Pass,
    Piece,
    PieceKind,
    RangeRequest,
    Scope,
    Tree,
    have_all_keys,
    sum_pieces,
)
from oss_oms_sync.passes.states import make_too_large_stop
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.settings import Settings

# Minimum number of objects for which a range is split: starting two more instances takes as long as processing them.
MIN_SPLIT_OBJECTS = 20_000
# Seconds of work before a range is split, if no earlier pass shows its number of objects.
UNKNOWN_RANGE_SECONDS = 3.0
# Calls to OMS per second of a lane (a range that is worked on) that only submits, with half a vCPU, half of it unused.
_CALLS_PER_SENDING_LANE = 5.0
_SUPERSEDED_STOP = Stopped(
    Stop.SUPERSEDED, "a newer pass of these keys has begun meanwhile, or the first piece of this one is unreadable"
)
_PAUSED_TEXT = ". {} pieces in a row made no progress, so the next attempt is tomorrow, or when you run the job by hand"


@dataclass(frozen=True)
class RangeResult:
    """The state of a range after a worker's work, and the error that ended the work, or None."""

    piece: Piece
    error: StorageError | None = None


# Classifies and submits the objects of a range after a piece, for this number of seconds. This number of open ranges
# share the rate.
ProcessRange = Callable[[Pass, Piece, int, float], RangeResult]


def count_lanes(settings: Settings, scope: Scope) -> int:
    """Return the number of lanes, the ranges that are processed at the same time.

    OMS's rate limits the number of ranges that submit. If every object is submitted, a few ranges use up the rate, and
    more ranges would only wait, and add to the bill.
    """
    calls_per_lane = _CALLS_PER_SENDING_LANE if scope.everything and not scope.since else 0.5
    return min(settings.lanes, max(1, int(settings.oms_rate / calls_per_lane)))


class Worker:
    """A worker on the passes of a job; `process_range` is the job's function for the keys of a range."""

    def __init__(self, invocation: Invocation, store: PassStore, process_range: ProcessRange) -> None:
        self._settings = invocation.settings
        self._source = invocation.source_bucket
        self._listing_seconds = invocation.listing_seconds
        self._store = store
        self._process_range = process_range

    def begin(self, pass_: Pass) -> Piece:
        """Do the first piece of a pass, which creates the pass, and return the stored piece.

        If a newer pass has started in the meantime, return a piece that was not stored, with the reason.

        Raises StorageError; work that was stored before is kept.
        """
        start = Piece(about=pass_)
        if pass_.scope.standstill:
            self._store.write_sign(pass_.name, ROOT_RANGE, 0)
        return self._do_piece(pass_, ROOT_RANGE, -1, start, Tree(())) or replace(
            start, kind=PieceKind.RESTING, stopped=_SUPERSEDED_STOP
        )

    def continue_range(self, request: RangeRequest, *, even_if_resting: bool = False) -> Piece | None:
        """Do the next piece of a range, or the step after its last piece, and return the last stored piece.

        Return None if there is nothing to do: another worker was faster, the pass was deleted or does not fit the
        settings, or a newer pass over the same keys has started. With `even_if_resting`, a range that paused without
        progress continues as well.

        Raises StorageError; work that was stored before is kept.
        """
        pass_, tree = self._read_current_pass(request.pass_name), self._store.read_tree(request.pass_name)
        if pass_ is None:
            return None
        if tree.is_complete:
            if not tree.has_total:
                self._write_total(pass_, tree)  # the worker that wrote the last end stopped before this
            return None
        number = tree.last_numbers.get(request.range_name)
        if number is None or request.range_name not in tree.open_ranges or request.number not in (None, number):
            return None
        last_piece = self._store.read_piece(request.pass_name, request.range_name, number)
        if last_piece is None or (last_piece.kind is PieceKind.RESTING and not even_if_resting):
            return None
        if last_piece.kind in (PieceKind.SPLIT, PieceKind.DONE):
            return self._do_step_after(pass_, request.range_name, last_piece)
        if tree.piece_count >= MAX_PIECES:
            log.error({"pass": pass_.name, "problem": make_too_large_stop(tree.piece_count).why})
            return replace(last_piece, kind=PieceKind.RESTING, stopped=make_too_large_stop(tree.piece_count))
        self._store.write_sign(request.pass_name, request.range_name, number + 1)
        return self._do_piece(pass_, request.range_name, number, last_piece, tree)

    def _read_current_pass(self, pass_name: str) -> Pass | None:
        """Return the description of a pass, or None if it is unreadable, does not fit the settings or was replaced."""
        pass_ = self._store.read_description(pass_name)
        if (
            pass_ is None
            or not self._store.fits_settings(pass_)
            or self._store.find_newest_name(pass_name) != pass_name
        ):
            return None
        return pass_

    def _do_piece(self, pass_: Pass, range_name: str, number: int, last_piece: Piece, tree: Tree) -> Piece | None:
        """Process the range from the end of `last_piece`, and write and return the next piece.

        Return None without writing if a newer pass has started in the meantime.
        """
        start = replace(last_piece, kind=PieceKind.MORE, stopped=None)
        result = self._split_or_process(pass_, range_name, start, max(1, len(tree.open_ranges)))
        is_first_piece = number < 0
        if (
            self._store.find_newest_name(pass_.name) > pass_.name
            if is_first_piece
            else self._read_current_pass(pass_.name) is None
        ):
            return None
        piece = replace(_pause_without_progress(result.piece, start), about=start.about if is_first_piece else None)
        stored_piece = self._store.write_piece(pass_.name, range_name, number + 1, piece)
        # Another worker may have started the same pass earlier; its description is valid.
        current_pass = stored_piece.about if stored_piece and is_first_piece else pass_
        if stored_piece and current_pass:
            self._do_step_after(current_pass, range_name, stored_piece)
        if result.error:
            raise result.error
        return stored_piece

    def _split_or_process(self, pass_: Pass, range_name: str, start: Piece, open_ranges: int) -> RangeResult:
        """Split a range if a lane is free and half of the range is worth an invocation; otherwise process its keys."""
        seconds, lanes = self._settings.piece_seconds, count_lanes(self._settings, pass_.scope)
        if open_ranges >= lanes:
            return self._process_range(pass_, start, open_ranges, seconds)
        marks = self._store.read_earlier_marks(pass_)
        is_new_range = start.after == start.begin
        # While the first ranges start, lanes without a range are not free.
        fits_lane = is_new_range and not _should_split(range_name, lanes)
        if marks and (fits_lane or estimate_objects(start.after, start.until, marks) < MIN_SPLIT_OBJECTS):
            return self._process_range(pass_, start, open_ranges, seconds)
        result = RangeResult(start)
        if not marks:
            # The length of the range is unknown; this time may suffice.
            result = self._process_range(pass_, start, open_ranges, min(seconds, UNKNOWN_RANGE_SECONDS))
            if result.error or result.piece.kind is not PieceKind.MORE:
                return result
        # A new range is split like its halves: by the marks alone, if they suffice.
        cut = find_middle(start.after, start.until, marks) if marks and is_new_range else None
        with suppress(StorageError):  # processing the keys meets the same error, and records it
            cut = cut or self._find_cut(pass_, result.piece, marks)
        if cut:
            return RangeResult(replace(result.piece, kind=PieceKind.SPLIT, cut=cut))
        return self._process_range(pass_, result.piece, open_ranges, seconds)

    def _do_step_after(self, pass_: Pass, range_name: str, stored_piece: Piece) -> Piece:
        if stored_piece.kind is PieceKind.SPLIT:
            self._write_halves(pass_, range_name, stored_piece)
        elif stored_piece.kind is PieceKind.DONE:
            self._store.write_end(pass_.name, range_name)
            tree = self._store.read_tree(pass_.name)
            if tree.is_complete and not tree.has_total:
                self._write_total(pass_, tree)
        return stored_piece

    def _write_halves(self, pass_: Pass, range_name: str, split_piece: Piece) -> None:
        """Write the first pieces of both halves of a range, and of their halves if the marks show where to split them.

        Without this method, each range would wait for an invocation to find the key at which to split it.
        """
        lanes = count_lanes(self._settings, pass_.scope)
        marks = self._store.read_earlier_marks(pass_) if _should_split(f"{range_name}0", lanes) else ()
        split_ranges = [(range_name, split_piece)]
        for name, piece in split_ranges:
            for half, start in zip("01", piece.halves(), strict=True):
                may_split = _should_split(f"{name}{half}", lanes) and len(split_ranges) + 1 < lanes
                planned_piece = _plan_first_piece(start, marks) if may_split else start
                stored_half = self._store.write_piece(pass_.name, f"{name}{half}", 0, planned_piece)
                if stored_half and stored_half.kind is PieceKind.SPLIT:
                    split_ranges.append((f"{name}{half}", stored_half))

    def _write_total(self, pass_: Pass, tree: Tree) -> None:
        pieces = self._store.read_last_pieces(pass_.name, tree)
        if not have_all_keys(pieces):
            # A piece is unreadable, or was written between two pages of the listing; the next worker reads it.
            log.error({"pass": pass_.name, "problem": "its pieces do not fit together, so there is no total yet"})
            return
        previous_state = self._store.read_state(pass_.before) if pass_.before else None
        self._store.write_total(
            pass_, sum_pieces(pieces).complete_with(previous_state.tally if previous_state else None), tree
        )
        self._store.delete_old(pass_.name)

    def _find_cut(self, pass_: Pass, start: Piece, marks: Sequence[KeyMark]) -> str | None:
        """Return the key at which to split the remaining keys of a range, or None if they fit into one page."""
        prefix, source = pass_.scope.key_filter.prefix, self._source.within(self._listing_seconds())
        page = source.list_page(prefix, start.after)
        last_key = page.objects[-1].name if page.objects else ""
        if not page.has_more or (start.until and last_key >= start.until):
            return None

        def find_next_key(after_key: str) -> str | None:
            name = source.find_first_name(prefix, after_key)
            return name if name and not (start.until and name > start.until) else None

        cut = find_cut(page.objects[0].name, start.until, marks, find_next_key)
        is_inside = cut is not None and start.after < cut and (not start.until or cut < start.until)
        return cut if is_inside else None


def _should_split(range_name: str, lanes: int) -> bool:
    """Return True if a range should be split, because there are more lanes than ranges on its level.

    The first range is level 0 with one range, its halves are level 1 with two, and so on.
    """
    return 1 << (len(range_name) - len(ROOT_RANGE)) < lanes


def _plan_first_piece(start: Piece, marks: Sequence[KeyMark]) -> Piece:
    is_large = estimate_objects(start.after, start.until, marks) >= MIN_SPLIT_OBJECTS
    cut = find_middle(start.after, start.until, marks) if is_large else None
    return replace(start, kind=PieceKind.SPLIT, cut=cut) if cut else start


def _pause_without_progress(piece: Piece, start: Piece) -> Piece:
    """Return `piece`, with a pause if it made no progress; after many such pieces in a row, the pause lasts a day.

    Without the pause, each such piece would immediately call for the next.
    """
    if piece.kind in (PieceKind.SPLIT, PieceKind.DONE) or piece.after != start.after:
        return replace(piece, stuck=0)
    stop_reason = piece.stopped or Stopped(Stop.NO_PROGRESS, "there was no time for a single batch")
    resting_piece = replace(piece, kind=PieceKind.RESTING, stopped=stop_reason, stuck=start.stuck + 1)
    if not resting_piece.is_stuck:
        return resting_piece
    return replace(
        resting_piece, stopped=stop_reason._replace(why=stop_reason.why + _PAUSED_TEXT.format(resting_piece.stuck))
    )
