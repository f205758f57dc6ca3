"""The server's names for encodings, and Python's.

Law: an encoding that Python has no codec for is read as ASCII, and what is none is not readable.
"""

import re
from typing import Final

_ENCODINGS: Final = {
    # client_encoding to Python's codec; "Character Set Support" in the server's documentation
    "UTF8": "utf-8",
    "UNICODE": "utf-8",
    "SQL_ASCII": "utf-8",  # bytes as they are; what is not UTF-8 is then unreadable
    "LATIN1": "iso8859-1",
    "LATIN2": "iso8859-2",
    "LATIN3": "iso8859-3",
    "LATIN4": "iso8859-4",
    "LATIN5": "iso8859-9",
    "LATIN6": "iso8859-10",
    "LATIN7": "iso8859-13",
    "LATIN8": "iso8859-14",
    "LATIN9": "iso8859-15",
    "LATIN10": "iso8859-16",
    "ISO_8859_5": "iso8859-5",
    "ISO_8859_6": "iso8859-6",
    "ISO_8859_7": "iso8859-7",
    "ISO_8859_8": "iso8859-8",
    "KOI8R": "koi8-r",
    "KOI8U": "koi8-u",
    "EUC_JP": "euc_jp",
    "EUC_JIS_2004": "euc_jis_2004",
    "SHIFT_JIS_2004": "shift_jis_2004",
    "EUC_KR": "euc_kr",
    "EUC_CN": "gb2312",
    "SJIS": "cp932",
    "BIG5": "cp950",
    "GBK": "gbk",
    "UHC": "cp949",
    "GB18030": "gb18030",
    "JOHAB": "johab",
} | {f"WIN{n}": f"cp{n}" for n in (866, 874, *range(1250, 1259))}


def python_encoding(client_encoding: str) -> str:
    """Python's name for it; ``ascii`` where there is none, so that only ASCII is readable."""
    return _ENCODINGS.get(client_encoding.upper(), "ascii")


_ALIASES: Final = {
    # pg_encname_tbl of the server's encnames.c, in letters and digits alone
    "abc": "WIN1258",
    "alt": "WIN866",
    "koi8": "KOI8R",
    "mskanji": "SJIS",
    "shiftjis": "SJIS",
    "tcvn": "WIN1258",
    "tcvn5712": "WIN1258",
    "vscii": "WIN1258",
    "win": "WIN1251",
    "win932": "SJIS",
    "win936": "GBK",
    "win949": "UHC",
    "win950": "BIG5",
    "windows932": "SJIS",
    "windows936": "GBK",
    "windows949": "UHC",
    "windows950": "BIG5",
    "iso88591": "LATIN1",
    "iso88592": "LATIN2",
    "iso88593": "LATIN3",
    "iso88594": "LATIN4",
    "iso88599": "LATIN5",
    "iso885910": "LATIN6",
    "iso885913": "LATIN7",
    "iso885914": "LATIN8",
    "iso885915": "LATIN9",
    "iso885916": "LATIN10",
} | {f"windows{n}": f"WIN{n}" for n in (866, 874, *range(1250, 1259))}


def any_encoding(name: str) -> str:
    """Python's name for an encoding as a statement may spell it: in any case, with any signs."""
    plain = _letters(name)
    return _BY_LETTERS.get(_letters(_ALIASES.get(plain, plain)), "ascii")


def _letters(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower())


_BY_LETTERS: Final = {_letters(name): codec for name, codec in _ENCODINGS.items()}
