"""The effects of PostgreSQL's own functions, by name.

Law: every VOLATILE function of ``pg_catalog`` in PostgreSQL 15 stands here (a test compares), and
those that newer versions and well-known extensions add; one that does not is ``execute`` as long as
the catalogue says that it is VOLATILE. A function that is not volatile only reads, unless it is
named here because it runs SQL text or reads relations that its arguments name.
"""

from typing import Final

import msgspec

from custody.model.words import Effect

# No more than a SELECT does that calls them.
_QUIET: Final = """
    amvalidate bernoulli clock_timestamp current_query currtid2 currval gen_random_uuid lastval
    lo_close lo_lseek lo_lseek64 lo_open lo_tell lo_tell64 pg_advisory_unlock
    pg_advisory_unlock_all pg_advisory_unlock_shared pg_available_wal_summaries pg_blocking_pids
    pg_collation_actual_version pg_control_checkpoint pg_control_init pg_control_recovery
    pg_control_system pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn
    pg_database_collation_actual_version pg_database_size pg_export_snapshot
    pg_get_backend_memory_contexts pg_get_loaded_modules pg_get_multixact_members
    pg_get_shmem_allocations pg_get_wal_replay_pause_state pg_get_wal_resource_managers
    pg_get_wal_summarizer_state pg_indexes_size pg_is_in_recovery pg_is_wal_replay_paused
    pg_isolation_test_session_is_blocked pg_jit_available pg_last_committed_xact
    pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_lock_status
    pg_notification_queue_usage pg_partition_ancestors pg_partition_tree pg_prepared_xact
    pg_relation_size pg_replication_origin_progress pg_replication_origin_session_is_setup
    pg_replication_origin_session_progress pg_safe_snapshot_blocking_pids pg_sequence_last_value
    pg_show_replication_origin_status pg_sleep pg_sleep_for pg_sleep_until pg_stat_clear_snapshot
    pg_stat_force_next_flush pg_stat_get_recovery_prefetch pg_stat_get_xact_blocks_fetched
    pg_stat_get_xact_blocks_hit pg_stat_get_xact_function_calls
    pg_stat_get_xact_function_self_time pg_stat_get_xact_function_total_time
    pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched
    pg_stat_get_xact_tuples_hot_updated pg_stat_get_xact_tuples_inserted
    pg_stat_get_xact_tuples_newpage_updated pg_stat_get_xact_tuples_returned
    pg_stat_get_xact_tuples_updated pg_stat_have_stats pg_table_size pg_tablespace_size
    pg_total_relation_size pg_xact_commit_timestamp pg_xact_commit_timestamp_origin pg_xact_status
    random random_normal set_config setseed system timeofday txid_status uuidv4 uuidv7
"""
# They read what their arguments name (a cursor, a large object, the shape of a table), which is
# more than the statement's own relations.
_READ_MORE: Final = """
    cursor_to_xml cursor_to_xmlschema database_to_xmlschema lo_get loread pg_wal_summary_contents
    schema_to_xmlschema table_to_xmlschema
"""
_WRITE: Final = """
    lo_creat lo_create lo_from_bytea lo_put lo_truncate lo_truncate64 lo_unlink lowrite nextval
    pg_advisory_lock pg_advisory_lock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared
    pg_logical_emit_message pg_notify pg_try_advisory_lock pg_try_advisory_lock_shared
    pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared setval
"""
_DEFINE: Final = """
    brin_desummarize_range brin_summarize_new_values brin_summarize_range gin_clean_pending_list
    pg_clear_attribute_stats pg_clear_relation_stats pg_extension_config_dump
    pg_import_system_collations pg_restore_attribute_stats pg_restore_relation_stats
"""
# They show other sessions' statements, what a session put into parameters, or pages of a table.
_SHOW_OTHERS: Final = """
    current_query pg_cursor pg_prepared_statement pg_prepared_xact pg_show_all_settings
    pg_stat_get_activity pg_stat_get_backend_activity pg_stat_get_wal_senders
"""
_SHOW_ROWS: Final = """
    pg_logical_slot_get_binary_changes pg_logical_slot_get_changes
    pg_logical_slot_peek_binary_changes pg_logical_slot_peek_changes pg_read_binary_file
    pg_read_file pg_read_file_old
"""
_SHOW_PAGES: Final = frozenset(
    ("brin_page_items", "bt_multi_page_stats", "bt_page_items", "get_raw_page",
     "gin_leafpage_items", "gist_page_items", "gist_page_items_bytea", "hash_page_items",
     "heap_page_item_attrs", "heap_page_items", "pg_get_wal_block_info", "pg_get_wal_record_info",
     "pg_get_wal_records_info", "pg_stat_statements", "tuple_data_split")
)  # fmt: skip
"""Of extensions: pages, the write-ahead log, and statements with their values."""
_OPAQUE: Final = frozenset((*_SHOW_OTHERS.split(), *_SHOW_ROWS.split()))
# Server files, the write-ahead log, other sessions, replication, the server's own state.
_EXECUTE: Final = """
    RI_FKey_cascade_del RI_FKey_cascade_upd RI_FKey_check_ins RI_FKey_check_upd
    RI_FKey_noaction_del RI_FKey_noaction_upd RI_FKey_restrict_del RI_FKey_restrict_upd
    RI_FKey_setdefault_del RI_FKey_setdefault_upd RI_FKey_setnull_del RI_FKey_setnull_upd
    binary_upgrade_create_empty_extension binary_upgrade_set_missing_value
    binary_upgrade_set_next_array_pg_type_oid binary_upgrade_set_next_heap_pg_class_oid
    binary_upgrade_set_next_heap_relfilenode binary_upgrade_set_next_index_pg_class_oid
    binary_upgrade_set_next_index_relfilenode binary_upgrade_set_next_multirange_array_pg_type_oid
    binary_upgrade_set_next_multirange_pg_type_oid binary_upgrade_set_next_pg_authid_oid
    binary_upgrade_set_next_pg_enum_oid binary_upgrade_set_next_pg_tablespace_oid
    binary_upgrade_set_next_pg_type_oid binary_upgrade_set_next_toast_pg_class_oid
    binary_upgrade_set_next_toast_relfilenode binary_upgrade_set_record_init_privs brinhandler
    bthandler dsnowball_init dsnowball_lexize ginhandler gisthandler hashhandler
    heap_tableam_handler lo_export lo_import pg_backup_start pg_backup_stop pg_cancel_backend
    pg_copy_logical_replication_slot pg_copy_physical_replication_slot
    pg_create_logical_replication_slot pg_create_physical_replication_slot pg_create_restore_point
    pg_current_logfile pg_drop_replication_slot pg_file_read pg_file_rename pg_file_sync
    pg_file_unlink pg_file_write pg_hba_file_rules pg_ident_file_mappings
    pg_log_backend_memory_contexts pg_log_standby_snapshot pg_logdir_ls
    pg_logical_slot_get_binary_changes pg_logical_slot_get_changes
    pg_logical_slot_peek_binary_changes pg_logical_slot_peek_changes pg_ls_archive_statusdir
    pg_ls_dir pg_ls_logdir pg_ls_logicalmapdir pg_ls_logicalsnapdir pg_ls_replslotdir
    pg_ls_summariesdir pg_ls_tmpdir pg_ls_waldir pg_nextoid pg_promote pg_read_binary_file
    pg_read_file pg_read_file_old pg_reload_conf pg_replication_origin_advance
    pg_replication_origin_create pg_replication_origin_drop pg_replication_origin_session_reset
    pg_replication_origin_session_setup pg_replication_origin_xact_reset
    pg_replication_origin_xact_setup pg_replication_slot_advance pg_rotate_logfile
    pg_rotate_logfile_old pg_show_all_file_settings pg_start_backup pg_stat_file pg_stat_reset
    pg_stat_reset_backend_stats pg_stat_reset_replication_slot pg_stat_reset_shared
    pg_stat_reset_single_function_counters pg_stat_reset_single_table_counters pg_stat_reset_slru
    pg_stat_reset_subscription_stats pg_stop_backup pg_stop_making_pinned_objects pg_switch_wal
    pg_sync_replication_slots pg_terminate_backend pg_wal_replay_pause pg_wal_replay_resume
    plpgsql_call_handler plpgsql_inline_handler plpgsql_validator spghandler
    suppress_redundant_updates_trigger tsvector_update_trigger tsvector_update_trigger_column
    unique_key_recheck
"""
# They run SQL that their arguments spell, or read whole tables that these name: rules about objects
# could not see them.
_EXECUTE_TEXT: Final = """
    connectby crosstab crosstab2 crosstab3 crosstab4 database_to_xml database_to_xml_and_xmlschema
    query_to_xml query_to_xml_and_xmlschema query_to_xmlschema schema_to_xml
    schema_to_xml_and_xmlschema table_to_xml table_to_xml_and_xmlschema ts_rewrite ts_stat
    xpath_table
"""
_EXTENSION_PREFIXES: Final = ("dblink", "pg_file_")
"""Functions of extensions that reach out, whatever schema they were installed in."""
_SECRET_PREFIXES: Final = ("dblink", "pgp_")
_SECRET_TAKERS: Final = frozenset(
    ("crypt", "hmac", "encrypt", "decrypt", "encrypt_iv", "decrypt_iv", "armor", "scram_secret")
)
"""Of pgcrypto: keys and passwords are among their arguments."""


class Builtin(msgspec.Struct, frozen=True):
    """What a function of that name does if it is PostgreSQL's own (or the extension's)."""

    effects: tuple[Effect, ...] = ()
    opaque: bool = False
    """It reads or runs what the statement's own relations do not show."""


_NOTHING: Final = Builtin()
_SHOWING: Final = Builtin(opaque=True)
_OUTWARD: Final = Builtin((Effect.EXECUTE,), opaque=True)
_BY_NAME: Final[dict[str, Builtin]] = {
    name: Builtin(effects, opaque or name in _OPAQUE)
    for names, effects, opaque in (
        (_QUIET, (), False),
        (_READ_MORE, (Effect.READ,), True),
        (_WRITE, (Effect.WRITE,), False),
        (_DEFINE, (Effect.DEFINE,), False),
        (_EXECUTE, (Effect.EXECUTE,), False),
        (_EXECUTE_TEXT, (Effect.EXECUTE,), True),
    )
    for name in names.split()
}
# Extensions put theirs where they like.
_ANYWHERE: Final = frozenset(
    ("connectby", "crosstab", "crosstab2", "crosstab3", "crosstab4", "xpath_table")
)
QUIET_VOLATILE: Final = frozenset(_QUIET.split())
"""VOLATILE, and no more than a SELECT does."""
CLASSIFIED: Final = frozenset(_BY_NAME)
"""Names whose effects are known by this table."""


def effects_of(schema: str, name: str) -> Builtin:
    """What the table says; nothing for a function that is not in it, or is a user's."""
    if name.startswith(_EXTENSION_PREFIXES):
        return _OUTWARD
    if schema in {"", "pg_catalog"} or name in _ANYWHERE:
        return _BY_NAME.get(name, _SHOWING if name in _SHOW_PAGES | _OPAQUE else _NOTHING)
    return _SHOWING if name in _SHOW_PAGES else _NOTHING


def takes_secrets(name: str) -> bool:
    """Whether passwords, keys or connection strings are among its arguments."""
    return name in _SECRET_TAKERS or name.startswith(_SECRET_PREFIXES)
