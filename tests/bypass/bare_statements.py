"""Statements that name no function, no operator and no type, and run a user's code all the same.

Law: for the schema of ``probes.sql``; whole statements, since any place would name something.
"""

from typing import Final

BARE: Final = (
    "SELECT coalesce(tags, '{x}') FROM tagged",
    "SELECT CASE WHEN true THEN '{x}' ELSE tags END FROM tagged",
    "SELECT * FROM (SELECT tags FROM tagged UNION ALL SELECT '{x}') q",
    "SELECT tags FROM tagged UNION ALL VALUES ('{x}')",
    "SELECT greatest(tags, '{x}') FROM tagged",
    "SELECT ARRAY[tags, '{x}'] FROM tagged",
    "SELECT tags IN ('{x}') FROM tagged",
    "SELECT * FROM graded ORDER BY 2",
    "SELECT * FROM graded ORDER BY g DESC NULLS LAST FETCH FIRST 1 ROWS WITH TIES",
    "SELECT DISTINCT * FROM graded",
    "SELECT DISTINCT ON (g) 1 FROM graded",
    "TABLE graded EXCEPT TABLE graded",
    "TABLE graded UNION TABLE graded",
    "SELECT g FROM graded GROUP BY 1",
    "WITH RECURSIVE w AS (SELECT g FROM graded UNION SELECT g FROM w) SELECT * FROM w",
    "SELECT p + 1 FROM paired",
    "SELECT * FROM orders LIMIT (SELECT p FROM paired)",
    "SELECT ARRAY[1, 2, 3][p] FROM paired",
    "SELECT 1 UNION SELECT p FROM paired",
    "VALUES (1), ((SELECT p FROM paired))",
    "SELECT CASE p WHEN 1 THEN 2 END FROM paired",
    "SELECT ARRAY[1, p] FROM paired",
    "SELECT coalesce(p, 1) FROM paired",
    "SELECT 1 FROM paired WHERE p IN (1, 2)",
)
