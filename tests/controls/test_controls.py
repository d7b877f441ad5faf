"""The suite must fail on deliberately broken variants, each for its own reason."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# variant, the suites it is run against, tests that must fail, tests that must still pass
VARIANTS: list[tuple[str, list[str], list[str], list[str]]] = [
    (
        "delivery-before-commit",
        ["test_sqlite_commit.py"],
        [
            "test_nothing_is_told_before_the_commit_has_returned",
            "test_a_flush_that_fails_is_fatal_once_and_nothing_is_acknowledged_after_it",
        ],
        [
            "test_what_queues_during_a_commit_is_the_next_transaction",
            "test_a_database_that_may_not_grow_refuses_the_batch",
        ],
    ),
    (
        "epochs-not-checked",
        ["test_appends.py", "test_following.py", "test_once.py"],
        [
            "test_an_append_judged_on_an_old_epoch_is_stale_and_leaves_no_trace[sqlite]",
            "test_a_restricting_event_is_seen_by_the_next_append_of_the_same_batch[sqlite]",
            "test_the_loser_of_a_race_with_a_kick_stores_nothing_and_both_nodes_see_one_order[sqlite]",
            "test_revoking_an_account_on_one_node_stops_what_it_says_on_another[sqlite]",
        ],
        [
            "test_the_same_id_is_stored_once_and_repeated_with_the_first_record[sqlite]",
            "test_of_two_joins_that_race_for_the_last_place_one_gets_it[sqlite]",
            "test_seq_is_dense_from_one_in_each_stream[sqlite]",
        ],
    ),
    (
        "ids-not-unique",
        ["test_appends.py", "test_once.py"],
        [
            "test_the_same_id_is_stored_once_and_repeated_with_the_first_record[sqlite]",
            "test_a_repeat_in_the_same_batch_is_found[sqlite]",
            "test_the_same_id_with_other_content_is_mismatched[sqlite]",
            "test_a_repeat_is_found_after_its_sender_was_kicked[sqlite]",
        ],
        [
            "test_an_append_judged_on_an_old_epoch_is_stale_and_leaves_no_trace[sqlite]",
            "test_ids_are_each_accounts_own[sqlite]",
            "test_a_refused_append_leaves_no_gap_in_the_seq[sqlite]",
        ],
    ),
    (
        "seq-outside-transaction",
        ["test_appends.py", "test_following.py", "test_once.py"],
        [
            "test_a_refused_append_leaves_no_gap_in_the_seq[sqlite]",
            "test_an_append_judged_on_an_old_epoch_is_stale_and_leaves_no_trace[sqlite]",
            "test_the_loser_of_a_race_with_a_kick_stores_nothing_and_both_nodes_see_one_order[sqlite]",
        ],
        [
            "test_seq_is_dense_from_one_in_each_stream[sqlite]",
            "test_the_same_id_is_stored_once_and_repeated_with_the_first_record[sqlite]",
            "test_both_nodes_append_at_once_and_see_one_dense_order[sqlite]",
        ],
    ),
    (
        "may-read-says-yes",
        ["test_reading.py"],
        [
            "test_a_direct_conversation_is_read_by_its_two_parties_alone[sqlite]",
            "test_a_msgid_one_may_not_read_is_like_one_that_never_was[sqlite]",
            "test_an_account_reads_what_it_was_there_for_or_what_was_open_to_all[sqlite-a +i b join c-ac]",
            "test_an_account_reads_what_it_was_there_for_or_what_was_open_to_all[sqlite-a join b kick c-]",
            "test_an_outsider_asking_by_time_gets_nothing_and_learns_nothing[sqlite-c/room]",
        ],
        [
            "test_an_account_reads_what_it_was_there_for_or_what_was_open_to_all[sqlite-a join b-ab]",
            "test_notes_to_oneself_are_a_conversation[sqlite]",
            "test_a_page_by_msgid_holds_no_more_than_its_limit[sqlite]",
        ],
    ),
    (
        "audit-not-chained",
        ["test_audit.py"],
        [
            "test_each_record_is_tied_to_the_one_before[sqlite]",
            "test_several_records_of_one_append_and_of_one_batch_are_tied_in_their_order[sqlite]",
            "test_an_append_that_is_refused_leaves_no_link[sqlite]",
        ],
        [
            "test_some_of_the_trail_is_read_from_either_end[sqlite]",
        ],
    ),
]

GUESSING = "../server/test_guessing.py"
VARIANTS += [
    (
        "guesses-not-counted",
        [GUESSING],
        [
            "test_beyond_the_window_the_right_password_is_answered_as_a_wrong_one_without_a_hash[alice-try_sasl]",
            "test_beyond_the_window_the_right_password_is_answered_as_a_wrong_one_without_a_hash[nobody-try_pass]",
            "test_of_many_at_once_no_more_are_checked_than_the_window_has_room_for",
            "test_who_has_found_an_open_device_cannot_try_passwords_on_connection_after_connection"
            "[ACCOUNT PASSWD {} a-quite-different-one]",
            "test_the_windows_and_the_places_outlive_the_server",
        ],
        [
            "test_wrong_tokens_keep_nobody_out",
            "test_right_passwords_are_checked_however_many_come_at_once",
        ],
    ),
    (
        "guesses-counted-afterwards",
        [GUESSING],
        ["test_of_many_at_once_no_more_are_checked_than_the_window_has_room_for"],
        [
            "test_beyond_the_window_the_right_password_is_answered_as_a_wrong_one_without_a_hash[alice-try_sasl]",
            "test_the_windows_and_the_places_outlive_the_server",
        ],
    ),
]


def run_broken(variant: str, suites: list[str]) -> tuple[int, dict[str, str]]:
    """Run suites on a broken variant; return pytest's exit code and each test's outcome by its name."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= {"SECURECHAT_BROKEN": variant, "PYTHONPATH": str(ROOT)}
    options = ["-p", "tests.controls.broken", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", "not memory"]
    options += ["-rA", "--tb=no", "--timeout=3"]
    paths = [f"tests/storage/{suite}" for suite in suites]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *paths], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    found = re.findall(r"^(PASSED|FAILED|ERROR) \S+?::(.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return done.returncode, {name: outcome for outcome, name in found}


@pytest.mark.parametrize(
    ("variant", "suites", "failing", "passing"), VARIANTS, ids=[variant[0] for variant in VARIANTS]
)
def test_a_broken_variant_fails_the_suite_for_its_own_reason(
    variant: str, suites: list[str], failing: list[str], passing: list[str]
) -> None:
    code, outcomes = run_broken(variant, suites)
    assert code == 1
    assert {name: outcomes.get(name) for name in failing} == dict.fromkeys(failing, "FAILED")
    assert {name: outcomes.get(name) for name in passing} == dict.fromkeys(passing, "PASSED")
