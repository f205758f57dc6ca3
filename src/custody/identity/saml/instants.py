"""Times as SAML writes them (saml-core §1.3.3: UTC, with a Z), as Unix milliseconds.

Law: what is not written in exactly that form is refused; nothing here asks a clock.
"""

import re
from datetime import UTC, datetime
from typing import Final

from custody.identity.saml.element import odd

_FORM: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)


def read_instant(written: str) -> int:
    """Raises ``CustodyError`` ``identity.malformed``."""
    found = _FORM.fullmatch(written)
    if found is None:
        raise odd()
    fraction = int(((found[7] or "") + "000")[:3])
    try:
        year, month, day, hour, minute, second = (int(found[part]) for part in range(1, 7))
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise odd() from error
    return int(moment.timestamp()) * 1000 + fraction


def write_instant(at: int) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
