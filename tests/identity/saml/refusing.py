"""One question to the service provider: with which code does it refuse?

Law: a refusal quotes nothing of what was refused.
"""

import asyncio
import re
from collections.abc import Collection

import pytest
from tests.identity.saml.small_idp import REQUEST, SETTINGS, PrivateKey, provider

from custody.identity.saml.settings import ServiceProvider
from custody.model.errors import CustodyError


def refusal(
    key: PrivateKey,
    document: bytes,
    *,
    request_ids: Collection[str] = (REQUEST,),
    settings: ServiceProvider = SETTINGS,
) -> str:

    async def go() -> str:
        known = await provider(key, settings=settings)
        with pytest.raises(CustodyError) as refused:
            await known.check(document, request_ids=request_ids)
        assert re.search(r"\b(ada|mallory|example)\b", str(refused.value)) is None
        return refused.value.code

    return asyncio.run(go())
