"""The digest by which a token is remembered.

Law: a token that anybody can make of another without its issuer's key is the same token. An ECDSA
signature has a twin (FIPS 186-5 §6.4: with (r, s) also (r, n - s) is good), so both count as one.
Nothing is proved here.
"""

import contextlib
import hashlib
from base64 import urlsafe_b64encode
from typing import Final

from custody.identity.oidc.tokens.compact import MAX_TOKEN, decoded, parts_of
from custody.identity.oidc.tokens.strict_json import read_object
from custody.model.errors import CustodyError
from custody.model.secret import Secret

_ORDERS: Final[dict[object, int]] = {
    "ES256": 2**256 - 2**224 + 2**192 - 0x4319055258E8617B0C46353D039CDAAF,
    "ES384": 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D,
    "ES512": 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
}
"""n of the curve that goes with each algorithm (SP 800-186 §3.2.1)."""


def fingerprint(token: Secret) -> bytes:
    """A SHA-256; of what is no token too."""
    text = token.reveal()
    with contextlib.suppress(CustodyError):  # whoever checks it refuses it
        text = _of_both(text)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _of_both(text: str) -> str:
    """The token with the smaller of the two signatures, where there are two."""
    if len(text) > MAX_TOKEN:
        return text
    head, body, end = parts_of(text)
    order = _ORDERS.get(read_object(decoded(head), "The token's header").get("alg"))
    signature = decoded(end)
    if order is None or len(signature) % 2:
        return text
    half = len(signature) // 2
    s = int.from_bytes(signature[half:], "big")
    twin = order - s
    if not 0 < twin < s:
        return text
    small = signature[:half] + twin.to_bytes(half, "big")
    return f"{head}.{body}.{urlsafe_b64encode(small).decode('ascii').rstrip('=')}"
