"""Credentials on command lines, known by the program and its option: ``curl -u joe:x``.

Law: a shape names the program or an option that nothing else has; an option that means something
harmless elsewhere (a port, a path) is read only behind its program. RE2: linear on any input.
"""

import re
from collections.abc import Iterator
from typing import Final

from custody.masking.detectors.numbers import NumberMatch

_ARGUMENT: Final = (
    rb"(?:\\?'([^'\x1f]+)'|\\?\"([^\"\x1f]+)\"|[\\'\"]{0,4}([^\s'\"\x1f|;\\][^\s'\"\x1f|;]*))"
)
_BEFORE: Final = rb"(?i:\b(?:%s)\b)[^\n|\x1f]*?\s"

_SHAPES: Final = (
    # What authenticates to HTTP and SMB: user and password in one word.
    (
        rb"(?:^|[\s'\"\x1f])(?:-u|-U|--user|--proxy-user)[ =]?(?:'[^\s:%'\"]+[:%]([^'\x1f]+)'"
        rb"|[\\'\"]{0,4}[^\s:%'\"\x1f]+[:%]([^\s'\"\x1f]+))"
    ),
    _BEFORE % rb"mysql[a-z_]*|mariadb[a-z-]*|7z[ar]?" + rb"-p" + _ARGUMENT,
    _BEFORE % rb"mysqladmin|mariadb-admin" + rb"password\s+" + _ARGUMENT,
    rb"\bsshpass\s+[^\n|\x1f]*?-p\s*" + _ARGUMENT,
    _BEFORE % rb"redis-cli|valkey-cli|keydb-cli" + rb"(?:-a|--pass)\s+" + _ARGUMENT,
    _BEFORE % rb"ldap[a-z]+" + rb"-[a-zA-Z]*w\s*" + _ARGUMENT,
    _BEFORE
    % rb"(?:docker|podman|nerdctl|helm|oras|crane|skopeo|buildah|oc|az|aws|cf)[^\n|\x1f]*?login"
    + rb"-p\s+"
    + _ARGUMENT,
    _BEFORE % rb"mongo[a-z]*|cqlsh|clickhouse[a-z-]*|useradd|usermod|influx|arangosh"
    + rb"-p\s+"
    + _ARGUMENT,
    _BEFORE % rb"sqlcmd|bcp|osql|tsql|isql|zip|unzip|zipcloak|db2" + rb"-P\s*" + _ARGUMENT,
    rb"\bhtpasswd\s+-[A-Za-z]*b[A-Za-z]*\s+(?:-\S+\s+)*\S+\s+\S+\s+" + _ARGUMENT,
    rb"(?i:\bnet\s+user\s+)\S+\s+" + _ARGUMENT,
    rb"\b(?:echo|printf)\s+(?:-[a-zA-Z]+\s+)?"
    + _ARGUMENT
    + rb"\s*\|\s*(?:sudo\s+)?(?:ch)?(?:passwd|sudo\s+-[A-Za-z]*S|kinit|cryptsetup|gpg|gpg2|openssl"
    rb"|(?:docker|podman|oras|crane|skopeo)\s)",
    rb"\bchpasswd\s*<<<?\s*['\"]?[^\s:'\"]+:([^\s'\"\x1f]+)",
    rb"--from-literal[= ]['\"]?[^\s=\x1f]+=(?:'([^'\x1f]+)'|([^\s'\"\x1f]+))",
    rb"(?i:\b(?:sqlplus|sqlldr|expdp|impdp|exp|imp)\b)[^\n|\x1f]*?\s['\"]?[A-Za-z][\w$#]*/([^\s@'\"/\x1f]+)",
)
PATTERN: Final = rb"(?:" + rb"|".join(_SHAPES) + rb")"
CUE: Final = (
    rb"(?:-u|-U|--user|--proxy-user)[ =]?[\\'\"A-Za-z]"
    rb"|(?i:mysql|mariadb|7z|sshpass|redis-cli|valkey-cli|keydb-cli|ldap[a-z]+\s|login\s|mongo|cqlsh"
    rb"|clickhouse|user(?:add|mod)|influx|arangosh|sqlcmd|bcp\s|osql|tsql|isql|zip\s|zipcloak|db2\s"
    rb"|htpasswd|net\s+user|chpasswd|sqlplus|sqlldr|expdp|impdp|exp\s|imp\s)"
    rb"|(?:echo|printf)\s|--from-literal"
)
_NO_SECRET: Final = re.compile(rb"[0-9]+|-.*|\$[({]?[A-Za-z_].*|<[^<>]*>|\*+|%s|\?", re.DOTALL)


def argument(data: bytes, start: int, end: int) -> Iterator[NumberMatch]:
    """The value of an option; an id, another option or a variable is none."""
    if not _NO_SECRET.fullmatch(data, start, end):
        yield NumberMatch(start, end)
