"""Kinds of objects and definitions, and their words in command tags.

Law: a table of words; what a definition does is not said here.
"""

from typing import Any, Final

_WORDS: Final = {
    "MATVIEW": "MATERIALIZED VIEW",
    "FDW": "FOREIGN DATA WRAPPER",
    "FOREIGN_SERVER": "SERVER",
    "TABCONSTRAINT": "TABLE",
    "DOMCONSTRAINT": "DOMAIN",
    "COLUMN": "TABLE",
    "ATTRIBUTE": "TYPE",
    "OPCLASS": "OPERATOR CLASS",
    "OPFAMILY": "OPERATOR FAMILY",
    "STATISTIC_EXT": "STATISTICS",
    "TSCONFIGURATION": "TEXT SEARCH CONFIGURATION",
    "TSDICTIONARY": "TEXT SEARCH DICTIONARY",
    "TSPARSER": "TEXT SEARCH PARSER",
    "TSTEMPLATE": "TEXT SEARCH TEMPLATE",
}


def kind_of(object_type: Any) -> str:  # noqa: ANN401  # a decoded tree
    """``OBJECT_MATVIEW`` → ``MATERIALIZED VIEW``: the word of the command tag."""
    bare = str(object_type or "").removeprefix("OBJECT_")
    return _WORDS.get(bare, bare.replace("_", " "))


WIDE: Final = (
    "AlterPublicationStmt AlterTableMoveAllStmt ClusterStmt CreatePublicationStmt ReindexStmt"
)
"""What may be about many relations at once."""
PLAIN: Final = """
    AlterCollationStmt AlterDatabaseRefreshCollStmt AlterDatabaseStmt AlterEnumStmt
    AlterEventTrigStmt AlterFdwStmt AlterObjectDependsStmt AlterOpFamilyStmt AlterPolicyStmt
    AlterStatsStmt AlterTableSpaceOptionsStmt AlterTSConfigurationStmt AlterTSDictionaryStmt
    CreateAmStmt CreateConversionStmt CreateEnumStmt CreateEventTrigStmt CreateFdwStmt
    CreatePolicyStmt CreatedbStmt CreateStatsStmt CreateTransformStmt CreateTrigStmt DropdbStmt
    DropUserMappingStmt RefreshMatViewStmt
"""
_ACTIONS: Final = {
    "AlterDatabaseRefreshCollStmt": "ALTER DATABASE",
    "AlterEnumStmt": "ALTER TYPE",
    "AlterEventTrigStmt": "ALTER EVENT TRIGGER",
    "AlterExtensionContentsStmt": "ALTER EXTENSION",
    "AlterFdwStmt": "ALTER FOREIGN DATA WRAPPER",
    "AlterObjectDependsStmt": "ALTER FUNCTION",
    "AlterOpFamilyStmt": "ALTER OPERATOR FAMILY",
    "AlterStatsStmt": "ALTER STATISTICS",
    "AlterTableMoveAllStmt": "ALTER TABLE",
    "AlterTableSpaceOptionsStmt": "ALTER TABLESPACE",
    "AlterTSConfigurationStmt": "ALTER TEXT SEARCH CONFIGURATION",
    "AlterTSDictionaryStmt": "ALTER TEXT SEARCH DICTIONARY",
    "CreateAmStmt": "CREATE ACCESS METHOD",
    "CreateEnumStmt": "CREATE TYPE",
    "CreateEventTrigStmt": "CREATE EVENT TRIGGER",
    "CreateFdwStmt": "CREATE FOREIGN DATA WRAPPER",
    "CreatedbStmt": "CREATE DATABASE",
    "CreateStatsStmt": "CREATE STATISTICS",
    "CreateTrigStmt": "CREATE TRIGGER",
    "DropdbStmt": "DROP DATABASE",
    "DropUserMappingStmt": "DROP USER MAPPING",
    "RefreshMatViewStmt": "REFRESH MATERIALIZED VIEW",
}


def plain_action(node_name: str) -> str:
    """``CreatePolicyStmt`` → ``CREATE POLICY``."""
    bare = node_name.removesuffix("Stmt")
    spaced = "".join(f" {letter}" if letter.isupper() else letter for letter in bare)
    return _ACTIONS.get(node_name, spaced.strip().upper())
