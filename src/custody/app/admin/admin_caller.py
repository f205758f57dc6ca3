"""Who calls on the admin socket, by the kernel's word.

Law: nothing here is taken from what the caller says of itself. The socket lets in the gateway's own
account and root alone; the login account tells apart the people who share that account.
"""

import pwd
import socket
import struct
from pathlib import Path
from typing import Final, NamedTuple

_CREDENTIALS: Final = struct.Struct("3i")
_NO_LOGIN: Final = 2**32 - 1
"""What Linux keeps of a process that no login began."""

_NAME_AT_MOST: Final = 255


class AdminCaller(NamedTuple):
    account: str
    """Its name, or ``uid N``; empty where the system does not say."""
    uid: int
    """-1 where the system does not say."""
    login: str
    """The account that logged in before it became ``account`` (the kernel's audit login), where
    the system keeps it; else empty.
    """


UNKNOWN: Final = AdminCaller("", -1, "")


def admin_caller(connection: socket.socket) -> AdminCaller:
    """The process at the other end of a Unix socket, as it was when it connected."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return UNKNOWN
    try:
        told = connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    except OSError:
        return UNKNOWN
    process, uid, _ = _CREDENTIALS.unpack(told)
    return AdminCaller(_name(uid), uid, _login(process))


def actor_of(claimed: str, caller: AdminCaller) -> str:
    """Whom an act is recorded as: who logged in, or the account, as the kernel has it; what the
    caller calls itself only beside that.
    """
    known = caller.login or caller.account
    return claimed if known in {"", claimed} else f"{known} (as {claimed})"[:_NAME_AT_MOST]


def _login(process: int) -> str:
    try:
        uid = int(Path(f"/proc/{process}/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ""
    return "" if uid == _NO_LOGIN else _name(uid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
