"""PostgreSQL's parser at arm's length.

Law: text from clients is parsed in worker processes that hold nothing worth stealing and may be
lost at any moment; what a lost worker was reading becomes unreadable, and nothing else suffers.
"""

from custody.gateway.lookups.parser.pool import ParserPool

__all__ = ["ParserPool"]
