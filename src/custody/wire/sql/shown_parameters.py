"""Which parameters show nothing that a session could have put there.

Law: a parameter that is not named here may hold any text or number: ``set_config`` takes its value
from wherever a query finds one, and SHOW gives it back.
"""

import re
from typing import Final

_CHOICES: Final = """
    array_nulls backslash_quote bytea_output check_function_bodies client_encoding
    client_min_messages constraint_exclusion data_checksums default_toast_compression
    default_transaction_deferrable default_transaction_isolation default_transaction_read_only
    escape_string_warning exit_on_error hot_standby in_hot_standby integer_datetimes intervalstyle
    is_superuser jit lc_collate lc_ctype lo_compat_privileges log_statement password_encryption
    plan_cache_mode quote_all_identifiers row_security server_encoding session_replication_role ssl
    standard_conforming_strings stats_fetch_consistency synchronize_seqscans synchronous_commit
    track_activities track_counts track_functions transaction_deferrable transaction_isolation
    transaction_read_only transform_null_equals wal_level xmlbinary xmloption
"""
# Fixed when the server starts, or when it was built.
_FIXED: Final = """
    block_size data_directory_mode max_connections max_function_args max_identifier_length
    max_index_keys max_prepared_transactions max_wal_senders max_worker_processes port segment_size
    server_version server_version_num shared_buffers wal_block_size wal_segment_size
"""
_NAMES: Final = frozenset((*_CHOICES.split(), *_FIXED.split()))


_SECRET: Final = re.compile(
    r"pass|pwd|secret|token|api_?key|private_?key|credential|all", re.IGNORECASE
)


def names_secret(name: str) -> bool:
    """Whether the name says that its value opens something; ``all`` shows each of them."""
    return ("." in name or name.lower() == "all") and _SECRET.search(name) is not None


def holds_no_text(name: str) -> bool:
    """Whether the parameter's value is one of a few words, or out of a session's reach."""
    return name.lower() in _NAMES or name.lower().startswith("enable_")
