"""Cases 37 to 44, the bad files that the batch path promises to stand, each with the tests that show it.

A test that is renamed or gone is missed here, and so is a case without any.
"""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CASES = {
    "37: encodings, delimiters, line ends": {
        "tables/test_encoding.py": [
            "test_the_same_words_come_out_of_every_encoding",
            "test_both_byte_orders_of_utf16_are_read",
            "test_one_bad_byte_in_utf8_costs_one_row",
        ],
        "tables/test_read_csv.py": ["test_delimiters_and_line_ends_are_found"],
    },
    "37: quotes, ragged rows, large cells, odd headers, no rows": {
        "tables/test_read_csv.py": [
            "test_an_unclosed_quote_before_many_rows_loses_none_of_them",
            "test_ragged_rows_are_rejected_by_number_and_the_rest_goes_on",
            "test_a_very_long_cell_is_read",
            "test_duplicate_and_blank_headers_become_unique",
            "test_a_header_alone_gives_no_records",
            "test_a_file_without_header_is_an_input_error",
        ],
    },
    "37: exit codes 0, 3 and 2": {
        "cli/test_classify.py": ["test_a_table_keeps_its_columns_and_gains_labels", "test_an_unusable_input_is_one_line_and_two"],
        "tables/test_output.py": ["test_rejects_stand_in_place_and_in_a_file_beside"],
    },
    "38: cells byte for byte": {
        "tables/test_read_csv.py": [
            "test_a_text_survives_byte_for_byte",
            "test_an_id_survives_byte_for_byte",
            "test_a_row_keeps_every_cell_as_a_string",
        ],
        "tables/test_output.py": ["test_cells_come_back_byte_for_byte", "test_formulas_are_made_harmless"],
    },
    "39: headers of survey tools": {
        "tables/test_read_csv.py": ["test_qualtrics_headers_are_not_responses", "test_surveymonkey_headers_are_not_responses"],
    },
    "40: damaged JSON Lines": {
        "tables/test_read_jsonl.py": [
            "test_lines_are_read_in_every_encoding_with_a_mark",
            "test_a_bad_line_is_rejected_by_number_and_the_rest_goes_on",
            "test_bytes_that_are_not_utf8_cost_one_line",
            "test_a_cut_last_line_is_rejected",
        ],
    },
    "41: Parquet": {
        "tables/test_read_parquet.py": [
            "test_a_truncated_file_is_refused",
            "test_what_is_no_parquet_is_refused",
            "test_a_damaged_page_is_an_input_error_while_reading",
            "test_cells_keep_their_types_and_ids_become_text",
            "test_a_missing_text_column_is_listed",
            "test_nested_and_binary_columns_are_refused",
            "test_nanoseconds_and_int96_are_read",
            "test_a_huge_row_group_is_read_in_small_batches",
        ],
    },
    "42: killed and gone on with": {
        "batch/test_resume.py": [
            "test_killed_and_gone_on_with_it_is_the_same_byte_for_byte",
            "test_a_real_process_of_its_own_is_gone_on_with",
            "test_a_run_interrupted_by_ctrl_c_can_be_resumed",
            "test_another_run_is_refused_and_nothing_is_lost",
            "test_an_input_that_changes_on_the_way_gives_no_output",
            "test_only_the_shard_that_is_not_whole_is_analysed_again",
            "test_a_line_that_a_crash_cut_off_spoils_none_after_it",
            "test_a_folder_of_the_caller_with_the_name_of_ours_keeps_its_files",
        ],
        "batch/test_ray.py": ["test_a_worker_that_is_killed_loses_and_doubles_nothing"],
    },
    "43: output there, folder that refuses, full disk": {
        "tables/test_output.py": [
            "test_an_output_that_is_there_is_replaced_whole_at_the_end",
            "test_a_failed_run_keeps_the_partial_and_the_old_output",
            "test_until_it_is_renamed_nothing_of_it_is_under_its_name",
            "test_a_full_disk_under_a_workbook_is_told_once",
            "test_a_folder_that_refuses_writing_is_named",
            "test_an_impossible_output_is_refused_before_any_work",
        ],
        "batch/test_resume.py": [
            "test_a_full_disk_leaves_no_half_output_and_can_be_gone_on_with",
            "test_on_a_full_disk_it_is_said_how_to_go_on",
        ],
        "cli/test_classify_running.py": ["test_a_full_disk_behind_standard_output_is_told_and_no_file_promised"],
    },
    "44: uploads with odd names, bombs, files that are something else": {
        "web/test_batches.py": ["test_a_clients_name_is_only_shown", "test_what_cannot_be_labelled_is_refused_and_leaves_nothing"],
        "tables/test_read_xlsx.py": ["test_a_zip_bomb_is_stopped", "test_a_zip_bomb_that_states_a_false_size_is_stopped"],
        "tables/test_encoding.py": ["test_a_csv_that_is_something_else_is_refused"],
    },
}


@pytest.mark.parametrize("case", [*CASES])
def test_a_case_has_its_tests(case: str) -> None:
    for module, names in CASES[case].items():
        there = set(re.findall(r"^def (test_\w+)\(", (TESTS / module).read_text(encoding="utf-8"), flags=re.MULTILINE))
        assert set(names) <= there, module


def test_no_case_is_left_out() -> None:
    assert {int(case.partition(":")[0]) for case in CASES} == set(range(37, 45))
