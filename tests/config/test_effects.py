"""The test that sees the effect of each setting: a new setting needs a row, and so does a renamed test."""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from config.variables import Settings, variables_of

TESTS = Path(__file__).parents[1]

_SETTINGS = "config/test_settings.py"
_SERVE = "e2e/test_serve.py"
_CONNECTIONS = "web/test_connections.py"
_EFFECTS = "system/test_settings.py"
_CORS = "web/test_cors.py"
_GREEDY = "web/test_greedy_clients.py"
_NAMES = "web/test_names_and_proxies.py"
_RATES = "web/test_rate_limits.py"
_BACKPLANE = "system/test_backplane.py"
_ACCOUNTS = "people/test_signing.py"
_DELIVERIES = "system/test_deliveries.py"

# By variable: file under tests/, test.
TESTED_BY: Mapping[str, tuple[str, str]] = {
    "APP_ENV": (_SERVE, "test_production_without_its_secrets_is_refused_with_the_way_to_make_them"),
    "HOST": (_EFFECTS, "test_server_listens_where_it_is_told"),
    "PORT": (_EFFECTS, "test_server_listens_where_it_is_told"),
    "PROCESSES": (
        "e2e/test_processes.py",
        "test_one_line_tells_of_all_and_connections_are_spread_over_them",
    ),
    "MAX_REQUEST_SIZE": (_CONNECTIONS, "test_body_of_exactly_the_limit_is_taken"),
    "IDLE_CONNECTION_TIMEOUT_MS": (_CONNECTIONS, "test_connection_without_a_request_is_closed_in_time"),
    "BODY_TIMEOUT_MS": (_CONNECTIONS, "test_body_that_trickles_is_refused_in_time"),
    "ENABLE_UVLOOP": (_SERVE, "test_event_loop_is_that_of_uvloop_unless_switched_off"),
    "SLOW_REQUEST_THRESHOLD": ("web/test_webhook_replies.py", "test_slow_webhook_is_logged"),
    "SHUTDOWN_GRACE_MS": (_SERVE, "test_request_in_flight_is_cut_after_the_grace"),
    "LOG_LEVEL": (_SERVE, "test_log_level_is_the_lowest_level_logged"),
    "ENABLE_METRICS": (_EFFECTS, "test_metrics_are_there_unless_switched_off"),
    "DASHBOARD_STREAMS": ("web/test_dashboard_stream.py", "test_streams_beyond_the_limit_are_refused_and_load_data"),
    "METRICS_TOKEN": ("web/test_metrics_access.py", "test_token_of_the_metrics_opens_them_and_nothing_else"),
    "ENABLE_FILE_LOGGING": (_SERVE, "test_log_file_holds_the_lines_of_standard_error_to_the_last"),
    "LOG_DIR": (_SERVE, "test_log_file_holds_the_lines_of_standard_error_to_the_last"),
    "LOG_MAX_FILE_SIZE": ("instruments/test_log_file.py", "test_files_are_bounded_in_size_and_number_and_private"),
    "LOG_MAX_FILES": ("instruments/test_log_file.py", "test_files_are_bounded_in_size_and_number_and_private"),
    "SLOW_JOB_THRESHOLD": ("system/test_timeline.py", "test_slow_job_and_slow_statements_name_the_stage"),
    "SLOW_STATEMENT_THRESHOLD": ("system/test_timeline.py", "test_slow_job_and_slow_statements_name_the_stage"),
    "DB_ENABLE_LOGGING": ("system/test_timeline.py", "test_statements_are_logged_with_time_and_without_values"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": (
        "instruments/test_traces.py",
        "test_collector_gets_a_span_for_the_request_and_each_stage",
    ),
    "REQUEST_LOG_SIZE": ("web/test_timeline.py", "test_only_as_many_finished_requests_are_kept_as_the_setting_says"),
    "WEBHOOK_INSPECTOR_SIZE": ("web/test_inspector.py", "test_latest_webhooks_are_kept_in_bounds_and_none_when_off"),
    "WEBHOOK_INSPECTOR_BYTES": ("web/test_inspector.py", "test_bodies_are_bounded_in_bytes"),
    "PROMPTS_DIR": ("people/test_prompts.py", "test_output_is_kept_as_its_prompt_says_for_persons_only"),
    "LEGACY_SHAPES": (
        "people/test_contract_account.py",
        "test_shipped_app_finds_accounts_and_preferences_as_it_reads_them",
    ),
    "ADMIN_TOKEN": ("web/test_api.py", "test_transcript_is_for_the_operator_only"),
    "WEBHOOK_TOKEN": ("web/test_webhook_auth.py", "test_production_takes_the_right_token_only"),
    "SESSION_SECRET": ("web/test_operator.py", "test_another_session_secret_signs_every_browser_out"),
    "OMI_SIGNING_SECRETS": (
        "web/test_webhook_auth.py",
        "test_with_signing_secrets_the_signature_is_demanded_and_the_token_not_enough",
    ),
    "ALLOWED_HOSTS": (_NAMES, "test_further_names_are_allowed_by_a_setting"),
    "TRUST_PROXY": (_NAMES, "test_client_is_the_first_address_that_is_no_proxy"),
    "CORS_ORIGINS": (_CORS, "test_allowed_page_may_read"),
    "CORS_MAX_AGE": (_CORS, "test_preflight_request_lists_allowed_methods_and_headers"),
    "ENABLE_COMPRESSION": (_CORS, "test_long_answers_are_gzipped_for_clients_that_accept_it"),
    "ENABLE_HELMET": (_CORS, "test_security_headers_can_be_left_to_a_proxy"),
    "MAX_CONNECTIONS": (_GREEDY, "test_full_server_refuses_with_503"),
    "MAX_CONNECTIONS_PER_ADDRESS": (_GREEDY, "test_one_address_has_its_share_of_connections_and_gets_it_back"),
    "MAX_BUFFERED_BODIES": (_GREEDY, "test_unauthenticated_bodies_share_one_bounded_memory"),
    "REQUEST_TIMEOUT": (
        "web/test_request_timeout.py",
        "test_request_that_takes_too_long_is_504_and_its_work_cancelled",
    ),
    "ENABLE_RATE_LIMIT": (_RATES, "test_limits_can_be_switched_off"),
    "RATE_LIMIT_WINDOW": (_RATES, "test_sender_of_too_many_requests_learns_when_to_retry"),
    "RATE_LIMIT_MAX_REQUESTS": (_RATES, "test_sender_of_too_many_requests_learns_when_to_retry"),
    "RATE_LIMIT_MAX_WEBHOOKS": (_RATES, "test_flood_of_one_wearable_is_dropped_and_others_are_kept"),
    "RATE_LIMIT_SKIP_SUCCESSFUL": (_RATES, "test_only_failures_count_by_setting"),
    "DATA_DIR": (_SERVE, "test_secrets_made_on_first_start_are_kept_private_and_used_again"),
    "ALLOW_UNSYNCED_COMMITS": ("system/test_start.py", "test_database_that_may_lose_commits_is_refused_unless_told"),
    "DATABASE_URL": ("doctor/test_store.py", "test_reachable_postgres_is_ok_if_it_syncs_or_need_not"),
    "REDIS_URL": (_BACKPLANE, "test_job_that_one_node_has_no_place_for_is_taken_by_another_at_once"),
    "REDIS_TIMEOUT_MS": (_BACKPLANE, "test_redis_settings_reach_the_backplane"),
    "REDIS_KEY_PREFIX": (_BACKPLANE, "test_redis_settings_reach_the_backplane"),
    "NODE_NAME": (_EFFECTS, "test_store_and_sessions_have_their_settings"),
    "NODE_ADDRESS": (_EFFECTS, "test_store_and_sessions_have_their_settings"),
    "NODE_LEASE_MS": (_EFFECTS, "test_store_and_sessions_have_their_settings"),
    "STORE_WRITE_TIMEOUT_MS": (_EFFECTS, "test_store_and_sessions_have_their_settings"),
    "STORE_READER_PROCESSES": (
        _EFFECTS,
        "test_lists_of_persons_are_read_in_processes_of_their_own_if_they_may",
    ),
    "STORE_READ_TIMEOUT_MS": (_EFFECTS, "test_store_and_sessions_have_their_settings"),
    "OPENAI_API_KEY": (_EFFECTS, "test_model_is_the_one_that_the_settings_name"),
    "OPENAI_BASE_URL": (_EFFECTS, "test_model_is_the_one_that_the_settings_name"),
    "OPENAI_MODEL": (_EFFECTS, "test_model_is_the_one_that_the_settings_name"),
    "OPENAI_FALLBACK_MODELS": ("system/test_model.py", "test_fallback_model_answers_once_and_its_message_names_it"),
    "OPENAI_TIMEOUT": (_EFFECTS, "test_work_has_its_settings"),
    "OPENAI_MAX_TOKENS": (_EFFECTS, "test_model_is_the_one_that_the_settings_name"),
    "OPENAI_WEBHOOK_TIMEOUT": (_EFFECTS, "test_work_has_its_settings"),
    "OPENAI_WEBHOOK_MAX_TOKENS": (_EFFECTS, "test_work_has_its_settings"),
    "OPENAI_MAX_CONTEXT_TOKENS": (_EFFECTS, "test_work_has_its_settings"),
    "OPENAI_INCLUDE_HISTORY": (_EFFECTS, "test_work_has_its_settings"),
    "OPENAI_HISTORY_MESSAGES": (_EFFECTS, "test_work_has_its_settings"),
    "MODEL_BREAKER_FAILURES": (_EFFECTS, "test_work_has_its_settings"),
    "MODEL_BREAKER_WINDOW_MS": (_EFFECTS, "test_work_has_its_settings"),
    "MODEL_BREAKER_PAUSE_MS": (_EFFECTS, "test_work_has_its_settings"),
    "MODEL_BREAKER_PAUSE_CAP_MS": (_EFFECTS, "test_work_has_its_settings"),
    "COMPLETIONS_TIMEOUT": (_EFFECTS, "test_work_has_its_settings"),
    "COMPLETIONS_MAX_TOKENS": (_EFFECTS, "test_work_has_its_settings"),
    "COMPLETIONS_MAX_CONTEXT_TOKENS": (_EFFECTS, "test_work_has_its_settings"),
    "COMPLETIONS_MAX_OPEN": (_EFFECTS, "test_work_has_its_settings"),
    "MODEL_USER_REQUESTS_PER_MINUTE": (_EFFECTS, "test_work_has_its_settings"),
    "MODEL_USER_TOKENS_PER_DAY": (_EFFECTS, "test_work_has_its_settings"),
    "MODEL_REQUESTS_PER_MINUTE": (_EFFECTS, "test_work_has_its_settings"),
    "MODEL_TOKENS_PER_DAY": (_EFFECTS, "test_work_has_its_settings"),
    "TRANSCRIPT_RETENTION_DAYS": (_EFFECTS, "test_work_has_its_settings"),
    "DEAD_LETTER_RETENTION_DAYS": (_EFFECTS, "test_work_has_its_settings"),
    "JOB_RETENTION_DAYS": (_EFFECTS, "test_work_has_its_settings"),
    "OPERATOR_EVENT_RETENTION_DAYS": (_EFFECTS, "test_work_has_its_settings"),
    "RETENTION_MAX_PERCENT": (_EFFECTS, "test_work_has_its_settings"),
    "JANITOR_INTERVAL_S": (_EFFECTS, "test_work_has_its_settings"),
    "OMI_BREAKER_FAILURES": (_EFFECTS, "test_work_has_its_settings"),
    "OMI_BREAKER_WINDOW_MS": (_EFFECTS, "test_work_has_its_settings"),
    "OMI_BREAKER_PAUSE_MS": (_EFFECTS, "test_work_has_its_settings"),
    "OMI_BREAKER_PAUSE_CAP_MS": (_EFFECTS, "test_work_has_its_settings"),
    "OPENAI_TEMPERATURE": (_EFFECTS, "test_model_is_the_one_that_the_settings_name"),
    "OPENAI_REASONING_EFFORT": ("clients/test_completion_request.py", "test_request_has_only_what_its_model_takes"),
    "OPENAI_STORE_RESPONSES": (
        "clients/test_completion_request.py",
        "test_server_is_asked_to_store_answers_only_by_the_operators_setting",
    ),
    "OPENAI_MAX_CONCURRENCY": (_EFFECTS, "test_work_has_its_settings"),
    "ENABLE_CONTEXT_ACTIVATION": ("system/test_hearing.py", "test_speech_is_kept_and_wakes_nothing_when_switched_off"),
    "WAKE_NAMES": (_EFFECTS, "test_work_has_its_settings"),
    "WAKE_BY": ("system/test_model.py", "test_only_the_wearer_wakes_it_if_so_set"),
    "DEFAULT_LISTEN_MODE": (_EFFECTS, "test_work_has_its_settings"),
    "DEFAULT_FOLLOWUP_WINDOW": (_EFFECTS, "test_work_has_its_settings"),
    "QUESTION_PAUSE_MS": (_EFFECTS, "test_work_has_its_settings"),
    "QUESTION_MAX_MS": (_EFFECTS, "test_work_has_its_settings"),
    "CHAT_REPLY_DEADLINE_MS": ("system/test_chat.py", "test_late_answer_is_told_late_and_got_later_by_its_key"),
    "CHAT_MAX_MESSAGE_CHARS": ("web/test_chat.py", "test_odd_body_is_refused_with_the_reason"),
    "ALLOW_ANONYMOUS_CHAT": ("web/test_chat.py", "test_anonymous_clients_are_admitted_where_a_setting_allows_them"),
    "OMI_APP_ID": (_DELIVERIES, "test_late_answer_is_notified_once_when_nobody_speaks"),
    "OMI_APP_SECRET": (_DELIVERIES, "test_late_answer_is_notified_once_when_nobody_speaks"),
    "OMI_API_URL": (_DELIVERIES, "test_late_answer_is_notified_once_when_nobody_speaks"),
    "OMI_NOTIFY_VERSION": (_EFFECTS, "test_notifier_is_the_one_that_the_settings_name"),
    "OMI_NOTIFY_TIMEOUT_MS": (_EFFECTS, "test_notifier_is_the_one_that_the_settings_name"),
    "WEBHOOK_REPLY_DEADLINE_MS": (_DELIVERIES, "test_late_answer_is_in_the_next_reply_and_in_no_other"),
    "NEXT_WEBHOOK_GRACE_MS": (_DELIVERIES, "test_late_answer_is_notified_once_when_nobody_speaks"),
    "NOTIFY_AFTER_SILENCE_MS": (_EFFECTS, "test_work_has_its_settings"),
    "ANSWER_EXPIRES_S": (_EFFECTS, "test_work_has_its_settings"),
    "ENABLE_USER_SYSTEM": (_ACCOUNTS, "test_without_the_user_system_addresses_of_persons_say_so"),
    "ENABLE_SEMANTIC_RECALL": (
        "people/test_memories.py",
        "test_with_the_extra_a_memory_without_a_word_of_the_question_is_recalled_by_its_meaning",
    ),
    "REGISTRATION": (_ACCOUNTS, "test_registration_is_for_those_whom_the_setting_names"),
    "MESSAGE_REPLY_DEADLINE_MS": (
        "people/test_messages.py",
        "test_late_answer_is_promised_not_stored_and_found_among_the_messages",
    ),
    "TASKS_PER_ACCOUNT": ("people/test_tasks.py", "test_tasks_of_one_account_are_bounded"),
    "STREAMS_PER_ACCOUNT": (
        "people/test_stream.py",
        "test_streams_of_one_account_are_bounded_and_a_place_comes_back",
    ),
    "STREAM_TOKEN_IN_URL": ("people/test_tokens.py", "test_operator_can_refuse_tokens_in_addresses"),
    "LOGIN_MAX_FAILURES": (_ACCOUNTS, "test_wrong_passwords_are_limited_by_account_and_address"),
    "SESSION_IDLE_S": (_EFFECTS, "test_store_and_sessions_have_their_settings"),
    "MAX_LIVE_SESSIONS": (_EFFECTS, "test_store_and_sessions_have_their_settings"),
    "SESSION_MAILBOX_CAPACITY": (
        "system/test_promises.py",
        "test_session_that_floods_is_refused_beyond_its_mailbox_and_slows_nobody",
    ),
    "ENABLE_BACKGROUND_QUEUE": (_DELIVERIES, "test_late_answer_is_no_job_without_the_background_queue"),
    "QUEUE_BATCH_SIZE": (_EFFECTS, "test_work_has_its_settings"),
    "QUEUE_MAX_CONCURRENT_JOBS": (_EFFECTS, "test_work_has_its_settings"),
    "QUEUE_LANE_CAP": (
        "system/test_queue_limits.py",
        "test_question_beyond_the_lanes_cap_gets_a_failure_and_is_stored",
    ),
    "QUEUE_MAX_RETRIES": (_EFFECTS, "test_work_has_its_settings"),
}


def test_every_setting_has_a_test_of_its_effect():
    proper = {variables_of(field)[0] for field in Settings.model_fields.values()}

    assert proper - set(TESTED_BY) == set(), "name their tests here"
    assert set(TESTED_BY) - proper == set(), "no such setting"


@pytest.mark.parametrize("variable", TESTED_BY)
def test_test_of_an_effect_exists(variable):
    file, test = TESTED_BY[variable]
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}

    assert test in functions
