"""Mistakes, each an exact replacement of source text, with the test that notices it: those that were made once, and
those that no test noticed before.

tests/test_mistakes.py puts them back into a copy, one by one. One that does not apply any more is a failure, because
then it shows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

_CODE, _OPS = "template/code/oss_oms_sync", "template/ops"
_UNIT = "tests/unit"
_JOBS = f"{_UNIT}/jobs"
_GO = "tests/test_law_of_go.py::test_a_go_stays_true[0]"
_CLOSING = f"{_UNIT}/test_law_of_closing.py"
_CERTIFY = f"{_JOBS}/certify/test_law_of_certify.py::test_the_pass_that_is_judged_again_is_the_one_that_is_certified"
_BESIDE = f"{_UNIT}/comparison/test_beside_a_group.py"
_VERSIONS = f"{_JOBS}/replay/test_law_of_versions.py"


@dataclass(frozen=True)
class Mistake:
    """In `file`, `old` becomes `new`, and `test`, as pytest names it, notices. `more`: files with what else is changed,
    and into what. `seeds`: of the worlds in which a law notices."""

    name: str
    test: str
    file: str
    old: str
    new: str
    more: tuple[tuple[str, str, str], ...] = ()
    seeds: str = ""

    @property
    def changes(self) -> tuple[tuple[str, str, str], ...]:
        """All of them."""
        return (self.file, self.old, self.new), *self.more


MISTAKES = (
    Mistake(
        "GO while OMS has not finished",
        _GO,
        f"{_CODE}/jobs/certify/oms_work.py",
        "            found.left,\n",
        "            0,\n",
        more=((f"{_CODE}/jobs/certify/oms_work.py", "busy=from_epoch(int(busy)) if busy > 0 else None", "busy=None"),),
        seeds="7",
    ),
    Mistake(
        "a project that opens after a GO without being asked to",
        f"{_JOBS}/certify/test_closing.py::test_after_a_go_the_project_opens_only_if_that_is_asked_for",
        f"{_CODE}/jobs/certify/__init__.py",
        "mark = None if options.after_go else closing.state()",
        "mark = None",
    ),
    Mistake(
        "a certificate that is lost with its reader",
        f"{_UNIT}/ops/test_program.py::test_certificate_page_and_switch_survive_a_reader_that_stops",
        f"{_OPS}/terminal.py",
        "error.errno == errno.EPIPE or ",
        "",
    ),
    Mistake(
        "a late copy after the last look at OBS",
        _GO,
        f"{_CODE}/jobs/certify/closing_checks.py",
        "found.tally.twin, seen_then.twin",
        "0, 0",
        seeds="154",
    ),
    Mistake(
        "sending from a thawed instance",
        _CLOSING,
        f"{_CODE}/ledger/closing.py",
        "max(self.monotonic - other.monotonic, ",
        "max(self.monotonic - other.monotonic, 0 * ",
    ),
    Mistake(
        "run files of all projects in one place",
        _VERSIONS,
        f"{_CODE}/ledger/waiting.py",
        "replay/{project or invocation.settings.project}/",
        "replay/all/",
    ),
    Mistake(
        "a late first mark opens a closed project",
        _GO,
        f"{_CODE}/ledger/closing.py",
        '{**first.headers, "x-oss-forbid-overwrite": "true"}',
        "first.headers",
        seeds="1",
    ),
    Mistake(
        "judging again forgets a proven difference",
        _GO,
        f"{_CODE}/comparison/proof.py",
        "_KEPT = (Proof.EQUAL, Proof.DIFFERENT, ",
        "_KEPT = (Proof.EQUAL, ",
        more=((f"{_CODE}/jobs/compare.py", "deep, cutover = scope.deep or asked.deep, ", "deep, cutover = False, "),),
        seeds="108",
    ),
    Mistake(
        "what looks newer in OBS closes a failure",
        _VERSIONS,
        f"{_CODE}/jobs/replay/resending.py",
        "        return {key for key, source in looked_at if nothing_to_send(source)}",
        """        there = {one.name: one.modified for one in self._invocation.destination().find_all(asked) if one}
        return {key for key, one in looked_at if nothing_to_send(one) or there.get(key, 0) >= one.modified}""",
    ),
    Mistake(
        "an acceptance answers what OMS failed to copy",
        _VERSIONS,
        f"{_CODE}/jobs/replay/failed_copies.py",
        "if accepted and modified_at(accepted) > _failed_at(one, listed) + _RECORDED_WITHIN:",
        "if accepted:",
    ),
    Mistake(
        "waiting for what OMS has lost",
        f"{_UNIT}/comparison/test_in_hand.py::test_a_large_object_has_a_minute_more_for_each_gb",
        f"{_CODE}/comparison/in_hand.py",
        "accepted >= self.oldest and quiet < patience",
        "accepted >= self.oldest and 0 < patience",
    ),
    Mistake(
        "judging one pass again, and certifying another",
        _CERTIFY,
        f"{_CODE}/jobs/compare.py",
        "return answer.of if answer else newest if is_since else None",
        "return newest",
    ),
    Mistake(
        "a list of OMS's that grows is read once",
        _VERSIONS,
        f"{_CODE}/jobs/replay/failed_copies.py",
        "known.ended and known.etag == one.etag if known",
        "True if known",
    ),
    Mistake(
        "an interrupted look at OMS's lists that begins anew",
        f"{_JOBS}/replay/test_list_positions.py::test_when_all_lists_were_looked_at_is_known_once_a_look_is_complete",
        f"{_CODE}/ledger/list_positions.py",
        "        if self.after:\n            return True\n",
        "",
    ),
    Mistake(
        "BROKEN only while something waits",
        f"{_JOBS}/status/test_verdict.py::test_where_every_key_is_refused_it_is_broken_and_says_what_to_do",
        f"{_CODE}/jobs/status/verdict.py",
        "    if isinstance(task, Failure) and task.reason.name in permanent",
        "    if names and isinstance(task, Failure) and task.reason.name in permanent",
    ),
    Mistake(
        "a trigger that is dead only if no event comes",
        f"{_JOBS}/status/test_lost_events.py::test_a_dead_trigger_is_not_green_until_it_works_again",
        f"{_CODE}/jobs/status/verdict.py",
        "if missing * 2 > new:",
        "if missing > new:",
    ),
    Mistake(
        "a closed project that is called broken",
        f"{_JOBS}/status/test_closed.py::test_it_says_so_before_what_is_broken_and_counts_what_waits",
        f"{_CODE}/jobs/status/verdict.py",
        "    closed,\n    broken,\n    stuck_at_oms",
        "    broken,\n    closed,\n    stuck_at_oms",
    ),
    Mistake(
        "a rehearsal's minutes rounded down",
        f"{_JOBS}/certify/test_document.py::test_no_step_of_a_freeze_is_rehearsed_as_shorter_than_it_is",
        f"{_CODE}/jobs/certify/document.py",
        "max(1, -int(-seconds // 60))",
        "max(1, int(seconds // 60))",
    ),
    Mistake(
        "a rehearsal without its standstill pass",
        f"{_JOBS}/certify/test_document.py::test_no_step_of_a_freeze_is_rehearsed_as_shorter_than_it_is",
        f"{_CODE}/jobs/certify/document.py",
        '"standstill": compare,',
        '"standstill": 0,',
    ),
    Mistake(
        "a rehearsal that sends key by key",
        f"{_JOBS}/certify/test_document.py::test_no_step_of_a_freeze_is_rehearsed_as_shorter_than_it_is",
        f"{_CODE}/jobs/certify/document.py",
        "(settings.oms_rate * KEYS_PER_CALL)",
        "settings.oms_rate",
    ),
    Mistake(
        "PROOF_EQUAL_SIZE told to judge again",
        f"{_JOBS}/certify/test_verdict.py::test_what_is_of_equal_size_is_not_proven_until_it_is_read_or_accepted[form-12]",
        f"{_CODE}/jobs/certify/class_checks.py",
        "return check.next, evidence.options.comparing(scope, deep=True, restart=True)",
        "return check.next, evidence.options.comparing(scope, again=True)",
    ),
    Mistake(
        "SAMPLE told to compare without reading",
        f"{_JOBS}/certify/test_sample.py::test_an_object_that_differs_is_a_no_go_however_few_are_asked_for_later",
        f"{_CODE}/jobs/certify/checks.py",
        "step=options.comparing(found.state.scope if found else None, deep=True, restart=True)",
        "step=options.comparing(found.state.scope if found else None, restart=True)",
    ),
    Mistake(
        "a standstill pass right after the close",
        f"{_JOBS}/certify/test_closing.py::test_the_standstill_pass_has_to_begin_two_minutes_after_the_closing[1]",
        f"{_CODE}/jobs/certify/closing_checks.py",
        "still.began < written + CLOSED_AFTER",
        "still.began < written",
    ),
    Mistake(
        "GO while another project of the task is open",
        f"{_JOBS}/certify/test_closing.py::test_other_projects_of_the_task_that_are_open_are_named",
        f"{_CODE}/jobs/certify/closing_checks.py",
        "    if evidence.open_projects:\n",
        "    if not evidence.closed:\n",
    ),
    Mistake(
        "a standstill pass before OMS had finished",
        f"{_JOBS}/certify/test_closing.py::test_a_standstill_pass_from_before_oms_had_finished_shows_nothing",
        f"{_CODE}/jobs/certify/closing_checks.py",
        "if finished and still.began < finished:",
        "if finished is None:",
    ),
    Mistake(
        "what has another size in OBS counts as copied",
        f"{_UNIT}/comparison/test_result.py::test_what_is_older_or_of_another_size_in_obs_has_not_arrived",
        f"{_CODE}/comparison/count.py",
        "destination is not None and destination.size == source.size and destination.modified >= written",
        "destination is not None and destination.modified >= written",
    ),
    Mistake(
        "what is older in OBS counts as copied",
        f"{_UNIT}/comparison/test_result.py::test_what_is_older_or_of_another_size_in_obs_has_not_arrived",
        f"{_CODE}/comparison/count.py",
        " and destination.size == source.size and destination.modified >= written",
        "",
    ),
    Mistake(
        "what is overwritten in OBS counts as still to come",
        f"{_UNIT}/comparison/test_result.py::test_what_is_older_or_of_another_size_in_obs_has_not_arrived",
        f"{_CODE}/comparison/count.py",
        "elif found not in (ObjectClass.OVERWRITTEN, ObjectClass.EQUAL_CONTENTS):",
        "else:",
    ),
    Mistake(
        "a proof that holds for a version written later",
        f"{_UNIT}/test_stored.py::test_a_kept_proof_has_this_form[equal]",
        f"{_CODE}/comparison/proof.py",
        "{source.etag} {source.modified} {destination.etag} {proof.value}",
        "{source.etag} 0 {destination.etag} {proof.value}",
    ),
    Mistake(
        "an encrypted object that differs",
        f"{_UNIT}/comparison/test_proof.py::test_encrypted_stays_unproven_and_is_said",
        f"{_CODE}/comparison/proof.py",
        "return Proof.ENCRYPTED if head.encryption else Proof.DIFFERENT",
        "return Proof.DIFFERENT",
    ),
    Mistake(
        "a seed lost in merging",
        f"{_UNIT}/passes/test_measures.py::test_ranges_and_pieces_draw_what_one_walk_draws",
        f"{_CODE}/passes/digests.py",
        "Drawn(self.seed or other.seed, ",
        "Drawn(self.seed, ",
    ),
    Mistake(
        "lists of differences that name too few keys",
        f"{_UNIT}/comparison/test_again.py::test_lists_that_do_not_name_what_was_counted_are_an_error_and_change_nothing[less]",
        f"{_CODE}/comparison/again.py",
        "if len(keys) != number:",
        "if len(keys) > number:",
    ),
    Mistake(
        "what is judged again counted twice in OBS",
        f"{_UNIT}/comparison/test_again.py::test_what_has_arrived_meanwhile_is_equal_without_another_pass",
        f"{_CODE}/comparison/again.py",
        "twin=(total.twin - total.twin_listed) % MODULUS",
        "twin=total.twin",
    ),
    Mistake(
        "what is sent again counted as the first time",
        f"{_UNIT}/comparison/test_result.py::test_what_was_sent_again_counts_apart",
        f"{_CODE}/comparison/judge.py",
        "again(source.etag) if is_again else source.etag",
        "source.etag",
    ),
    Mistake(
        "a histogram spoilt by what goes on from it",
        f"{_UNIT}/passes/test_measures.py::test_a_sum_shares_nothing_with_what_it_is_of",
        f"{_CODE}/passes/tally.py",
        "            self.buckets + other.buckets,\n",
        "            self.buckets.__iadd__(other.buckets),\n",
    ),
    Mistake(
        "nothing kept back of a piece with little time",
        f"{_JOBS}/reconcile/test_resuming.py::test_when_the_time_is_up_it_stops_early_enough_and_the_next_tick_goes_on",
        f"{_CODE}/passes/range_walk.py",
        "left - min(_RESERVED_SECONDS, left / 4)",
        "left",
    ),
    Mistake(
        "a batch that is counted before it is recorded",
        f"{_JOBS}/reconcile/test_sending.py::test_a_key_that_is_neither_accepted_nor_recorded_holds_the_pass_back[0]",
        f"{_CODE}/passes/range_walk.py",
        "        if self._batch:\n            return self._before_batch\n",
        "",
    ),
    Mistake(
        "a total of pieces that are too many",
        f"{_UNIT}/passes/test_pieces.py::test_what_does_not_fit_together_proves_nothing",
        f"{_CODE}/passes/pieces.py",
        "return proven == len(pieces)",
        "return True",
    ),
    Mistake(
        "accepting what the comparison has not looked at",
        f"{_JOBS}/certify/test_waiting.py::test_what_the_comparison_has_not_looked_at_waits_whatever_is_accepted",
        f"{_CODE}/jobs/certify/evidence.py",
        "was_tried=written < tried_until",
        "was_tried=True",
    ),
    Mistake(
        "no way out for what OMS refuses and nobody can read",
        f"{_JOBS}/certify/test_waiting.py::test_what_oms_refuses_for_ever_and_nobody_can_read_is_accepted_by_name_and_named",
        f"{_CODE}/comparison/judge.py",
        "tried in IN_VAIN",
        "tried is None",
    ),
    Mistake(
        "a command for what OMS skips that changes nothing",
        "tests/test_law_of_liveness.py::test_whoever_follows_the_printed_step_comes_to_go_and_accepts_only_what_cannot_be_proven[0]",
        f"{_CODE}/jobs/certify/class_checks.py",
        "return of_same_size, _overwriting(found, mode, options, ObjectClass.OVERWRITTEN)",
        "return of_same_size, options.comparing(scope, restart=True)",
        seeds="21",
    ),
    Mistake(
        "a range that is stuck for ever",
        f"{_UNIT}/passes/test_bounds.py::test_what_comes_no_further_ten_times_is_left_alone_until_tomorrow_or_until_somebody_asks",
        f"{_CODE}/passes/work.py",
        "stuck=start.stuck + 1",
        "stuck=1",
    ),
    Mistake(
        "the usual pass cleared away by deep ones",
        f"{_UNIT}/passes/test_store.py::test_the_last_pass_without_wishes_is_kept_however_many_with_wishes_came_after_it",
        f"{_CODE}/passes/store.py",
        " - {*usual[-1:]}",
        "",
    ),
    Mistake(
        "a lease that ends with the run's time",
        f"{_UNIT}/ledger/test_runs.py::test_the_lease_of_a_run_that_died_expires_a_minute_after_its_time_was_up",
        f"{_CODE}/ledger/waiting.py",
        "timestamp(now + timedelta(seconds=seconds) + _GRACE)",
        "timestamp(now + timedelta(seconds=seconds))",
    ),
    Mistake(
        "keys in doubt that are forgotten",
        f"{_UNIT}/ledger/test_runs.py::test_a_run_file_says_its_keys_and_which_of_them_are_in_doubt",
        f"{_CODE}/ledger/waiting.py",
        '{entry["key"] for entry in entries if entry.get("held")}',
        "set[str]()",
    ),
    Mistake(
        "failures of one version counted for the next",
        f"{_JOBS}/replay/test_resting.py::test_how_often_oms_failed_a_version_does_not_count_for_the_next",
        f"{_CODE}/ledger/records.py",
        "copy_attempts=self.copy_attempts if is_same else 0",
        "copy_attempts=self.copy_attempts",
    ),
    Mistake(
        "a long name counted in letters",
        f"{_UNIT}/ledger/test_records.py::test_a_key_too_long_for_the_prefix_is_named_by_its_hash[failed]",
        f"{_CODE}/ledger/records.py",
        'len(f"{record_prefix(task_id, kind)}{key}".encode())',
        'len(f"{record_prefix(task_id, kind)}{key}")',
    ),
    Mistake(
        "throttled calls that are not counted",
        f"{_JOBS}/test_share.py::test_an_event_is_left_to_replay_as_a_throttled_one_without_a_call",
        f"{_CODE}/delivery/batches.py",
        "submission.throttled += attempted.throttled",
        "submission.throttled += 0",
    ),
    Mistake(
        "refused keys called rejected where none is accepted",
        f"{_UNIT}/delivery/test_batches.py::test_where_nothing_is_accepted_nothing_is_rejected_because_nothing_shows_that_the_task_works",
        f"{_CODE}/delivery/batches.py",
        "if any(outcomes[key] is None for key in batch):",
        "if batch:",
    ),
    Mistake(
        "a call that does not ask for the mark",
        f"{_JOBS}/test_forward.py::test_closed_in_the_midst_of_a_long_event_the_batches_after_it_are_recorded",
        f"{_CODE}/delivery/batches.py",
        "if refused := refusal():",
        "if not submission.calls and (refused := refusal()):",
    ),
    Mistake(
        "a failed record deleted before its run file is written",
        f"{_JOBS}/replay/test_races.py::test_two_runs_that_take_the_same_run_file_lose_nothing_even_if_one_dies",
        f"{_CODE}/jobs/replay/resending.py",
        "self._settle(self._runs.new(",
        "self._delete(recorded)\n        self._settle(self._runs.new(",
    ),
    Mistake(
        "a refused list that keeps all others unread",
        f"{_JOBS}/replay/test_failed_copies.py::test_a_list_that_obs_never_lets_be_read_is_counted_once_and_keeps_no_other_from_being_read",
        f"{_CODE}/jobs/replay/failed_copies.py",
        "            if not is_alone and error.code != _ARCHIVED:\n                raise\n",
        "            raise\n",
    ),
    Mistake(
        "a rest that does not double",
        f"{_JOBS}/replay/test_resting.py::test_the_first_attempt_follows_at_once_and_the_rest_doubles_up_to_a_day",
        f"{_CODE}/jobs/replay/resting.py",
        "_FIRST_REST << min(attempt - 2, 30)",
        "_FIRST_REST * min(attempt - 1, 30)",
    ),
    Mistake(
        "an ETag check that is inverted",
        f"{_UNIT}/clouds/test_obs.py::test_the_contents_of_an_object_are_read_in_parts_of_one_version",
        f"{_CODE}/clouds/obs.py",
        "if part.head.etag == one.etag:",
        "if part.head.etag != one.etag:",
    ),
    Mistake(
        "a canary counted with the others",
        f"{_UNIT}/ops/canary/test_class.py",
        f"{_CODE}/filters.py",
        "return self.matches(key) and not key.startswith(self.canaries)",
        "return self.matches(key)",
    ),
    Mistake(
        "a pass that sends records",
        f"{_UNIT}/passes/test_classify.py::test_records_in_the_source_bucket_are_never_sent",
        f"{_CODE}/filters.py",
        " and key.endswith(self.suffix) and not key.startswith(RECORD_ROOT)",
        " and key.endswith(self.suffix)",
    ),
    Mistake(
        "throttling that does not slow a run down",
        f"{_UNIT}/delivery/test_sender.py::test_batches_throttled_to_their_end_halve_the_rate_down_to_a_call_a_second_and_others_bring_it_back",
        f"{_CODE}/delivery/sender.py",
        "max(self._slowest, self._rate / 2)",
        "self._rate",
    ),
    Mistake(
        "why replay stopped, untold on the terminal",
        f"{_UNIT}/ops/test_text.py::test_what_matters_of_an_answer_is_said_in_the_language_that_is_asked_for",
        f"{_OPS}/report/units.py",
        '    if found.stop is None or say.language == "en":\n        return found.stopped\n',
        '    if found.stop is None or say.language == "en":\n        return None\n',
    ),
    Mistake(
        "why a pass stopped, untold on the terminal",
        f"{_UNIT}/ops/test_text.py::test_what_matters_of_an_answer_is_said_in_the_language_that_is_asked_for",
        f"{_OPS}/report/passes.py",
        'stopped = (say("stopped"), units.stopped(found, say))',
        'stopped = (say("stopped"), None)',
    ),
    Mistake(
        "a folder's bytes that are its objects",
        f"{_UNIT}/ops/report/test_certificate.py::test_a_folder_has_the_objects_and_bytes_of_both_sides_and_what_lacks_is_red",
        f"{_OPS}/report/comparison.py",
        "units.size(folder.counts[at + 1], say)",
        "units.size(folder.counts[at], say)",
    ),
    Mistake(
        "a folder's counts without their tones",
        f"{_UNIT}/ops/report/test_certificate.py::test_a_folder_has_the_objects_and_bytes_of_both_sides_and_what_lacks_is_red",
        f"{_OPS}/report/comparison.py",
        '*(units.number(folder.tones[tone], say, tone) for tone in ("bad", "way", "open"))',
        '*(units.number(folder.tones[tone], say) for tone in ("bad", "way", "open"))',
    ),
    Mistake(
        "a count of what lacks that is pale",
        f"{_UNIT}/ops/report/test_certificate.py::test_a_folder_has_the_objects_and_bytes_of_both_sides_and_what_lacks_is_red",
        f"{_OPS}/report/units.py",
        'tone if given else "nil")',
        '"nil")',
    ),
    Mistake(
        "closing over what arrives",
        f"{_UNIT}/ops/test_cutover.py::test_what_may_differ_is_not_closed_over[it may yet come to OBS]",
        f"{_OPS}/cutover.py",
        "found & (LACKING | COMING | unproven)",
        "found & (LACKING | unproven)",
    ),
    Mistake(
        "closing over what was written after the freeze",
        f"{_UNIT}/ops/test_cutover.py::test_what_may_differ_is_not_closed_over[written after the freeze]",
        f"{_OPS}/cutover.py",
        " or written[0].at > timestamp(frozen + CLOCKS)",
        "",
    ),
    Mistake(
        "asking to send for ever what reading proves",
        f"{_UNIT}/jobs/certify/test_waiting.py::test_what_failed_and_is_in_obs_in_the_same_size_is_to_be_read",
        f"{_CODE}/jobs/certify/evidence.py",
        "due.append(Due(key, found, are_same_size(entry)",
        "due.append(Due(key, found, not are_same_size(entry)",
    ),
    Mistake(
        "going on with a comparison of nothing",
        f"{_UNIT}/ops/test_cutover.py::test_only_an_open_comparison_is_gone_on_with[of nothing at the source]",
        f"{_OPS}/cutover.py",
        " and not is_empty else None",
        " else None",
    ),
    Mistake(
        "taking for resent what OMS tells nothing of",
        f"{_UNIT}/ops/migrate/test_migrate.py::test_one_that_has_not_told_of_all_objects_is_not_resent",
        f"{_CODE}/ledger/list_positions.py",
        " and group.told_of >= group.total",
        "",
    ),
    Mistake(
        "leaving out the rest of what a task group lists once it is much",
        f"{_UNIT}/ops/migrate/test_others_meanwhile.py"
        "::test_what_was_listed_before_a_retry_hides_nothing_that_failed_in_it",
        f"{_CODE}/jobs/replay/failed_copies.py",
        "            folders.append(group.lists)",
        "            folders += [group.lists] if positions.of_group < 150 else []",
    ),
    Mistake(
        "ending whatever migration is written down",
        f"{_UNIT}/ops/migrate/test_others_meanwhile.py::test_whoever_slept_does_not_end_the_next_one",
        f"{_OPS}/intention.py",
        "return there if there and there.run == intention.run else None",
        "return there",
    ),
    Mistake(
        "trying again without end what replay has",
        f"{_UNIT}/ops/migrate/test_migrate.py"
        "::test_what_the_group_fails_for_ever_is_left_to_replay_and_the_next_step_is_the_end",
        f"{_OPS}/migrate/migration.py",
        "return self._with_replay(found)",
        "return found",
    ),
    Mistake(
        "ending a migration that can be retried",
        f"{_UNIT}/ops/migrate/test_migrate.py::test_the_keys_of_one_that_goes_on_or_can_be_retried_are_not_offered",
        f"{_OPS}/intention.py",
        "group.state is not GroupState.DONE",
        "group.state is GroupState.COPYING",
    ),
    Mistake(
        "restoring archived objects unasked",
        f"{_UNIT}/ops/migrate/test_migrate.py::test_else_they_fail_and_are_not_restored",
        f"{_OPS}/migrate/beginning.py",
        "return bool(options.restore)",
        "return True",
    ),
    Mistake(
        "two migrations begun at once",
        f"{_UNIT}/ops/migrate/test_migrate.py::test_of_two_who_begin_at_once_one_does",
        f"{_OPS}/intention.py",
        "return self.latest(intention) is not None",
        "return self.read() is not None",
    ),
    Mistake(
        "a journal that names what is no canary's",
        f"{_UNIT}/ops/canary/test_canary.py::test_a_journal_that_names_anything_but_a_canary_removes_nothing",
        f"{_OPS}/canary/journal.py",
        '_RUN.fullmatch(run) and prefix.endswith(f"{CANARY}{run}/")',
        "_RUN.fullmatch(run)",
    ),
    Mistake(
        "a watermark that passes over what is too young to be judged",
        f"{_UNIT}/comparison/test_result.py::test_an_object_too_young_to_be_judged_holds_the_watermark_back_until_it_is_there[lost]",
        f"{_CODE}/comparison/count.py",
        "(found is ObjectClass.MOVING and not arrived)",
        "(found is ObjectClass.MOVING and arrived)",
    ),
    Mistake(
        "ranks that no stranger comes to",
        f"{_UNIT}/passes/test_measures.py::test_a_stranger_draws_the_same_keys_from_a_listing",
        f"{_CODE}/passes/digests.py",
        "_MASK = MODULUS - 1",
        "_MASK = MODULUS - 2",
    ),
    Mistake(
        "waiting for a task group that is paused",
        f"{_BESIDE}::test_nothing_is_left_to_one_that_does_not_copy_now[3]",
        f"{_CODE}/answers/task_group.py",
        "return self.state in MOVING and self.state is not GroupState.PAUSING",
        "return True",
    ),
    Mistake(
        "leaving to a task group what was written after it began",
        f"{_BESIDE}::test_what_a_group_will_copy_is_left_to_it_and_what_came_later_is_not",
        f"{_CODE}/ledger/migration.py",
        "source.modified < self.begun - _CLOCK_SECONDS and ",
        "",
    ),
    Mistake(
        "taking for copied what a task group failed to copy",
        f"{_BESIDE}::test_what_one_that_was_ended_may_not_have_copied_is_sent[done-1]",
        f"{_CODE}/ledger/migration.py",
        "is_done and not has_failed",
        "is_done",
    ),
    Mistake(
        "sending on and on what a migration copies sooner",
        f"{_BESIDE}::test_a_pass_that_has_sent_more_than_a_migration_would_beat_counts_on_and_says_what_is_quicker[compare]",
        f"{_CODE}/passes/store.py",
        "for piece in pieces.values()) < one.most",
        "for piece in pieces.values()) >= 0",
    ),
    Mistake(
        "keys that are listed before they count",
        f"{_UNIT}/comparison/test_count.py::test_what_a_piece_holds_back_is_in_no_list_but_that_of_the_one_that_goes_on",
        f"{_CODE}/comparison/count.py",
        "            tally.lines += 1\n",
        "            tally.lines += 2\n",
    ),
    Mistake(
        "a bucket with versions in which some count as written once",
        f"{_UNIT}/ledger/test_state.py::test_in_a_bucket_with_versions_nothing_counts_as_written_once",
        f"{_CODE}/ledger/state.py",
        'if any(one and "x-oss-version-id"',
        'if all(one and "x-oss-version-id"',
    ),
)
