"""A node of libpg_query's JSON tree, for those who read trees and never parse.

Law: nothing here needs the C library, so that a process which holds keys can import it.
"""

from typing import Any

Node = dict[str, Any]
"""Fields that are zero, false or empty are left out."""
