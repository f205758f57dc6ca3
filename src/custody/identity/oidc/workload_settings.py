"""What the operator trusts an issuer of workload tokens for: ``[[workload]]``.

Law: as in ``settings``; and no issuer is trusted without a requirement: it serves strangers too.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from custody.identity.oidc.issuer_trust import (
    CONFIGURABLE,
    Algorithms,
    AsPassword,
    Issuer,
    ProviderName,
    TrustedBy,
    acceptable_url,
    check_algorithms,
    check_issuer,
    read_requirements,
)
from custody.identity.oidc.presets import Preset
from custody.model.config import value_readers as read
from custody.model.config.config_key import ConfigKey
from custody.model.errors import CustodyError
from custody.model.words import IdentityKind


class WorkloadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[workload]]``."""

    name: ProviderName
    issuer: Issuer
    audience: Annotated[
        tuple[str, ...], ConfigKey(read.some_texts, "What a token's `aud` must hold one of.")
    ]
    preset: Annotated[
        Preset,
        ConfigKey(
            read.choice(Preset), "Which claims become facts of the loop: repository, commit, job …"
        ),
    ] = Preset.NONE
    jwks: Annotated[
        str | Path | None,
        ConfigKey(
            read.url_or_path,
            "Its public keys.",
            "found by the issuer's discovery document",
            file=True,
        ),
    ] = None
    subject: Annotated[
        str, ConfigKey(read.some_text, "Where a token names who it is about.", form="claim")
    ] = "sub"
    kind: Annotated[IdentityKind, ConfigKey(read.choice(IdentityKind), "What acts.")] = (
        IdentityKind.SERVICE
    )
    groups: Annotated[
        tuple[str, ...], ConfigKey(read.some_texts, "What every token that passes is in.", "none")
    ] = ()
    groups_claim: Annotated[
        str, ConfigKey(read.some_text, "Where a token names more groups.", "none", form="claim")
    ] = ""
    require: Annotated[
        Mapping[str, tuple[str, ...]],
        ConfigKey(
            read_requirements,
            "Claims that a token must have, each with one of its values; `*` is any characters but "
            "`/` and `:`, `**` any. "
            "An issuer serves strangers too, so at least one is needed.",
        ),
    ]
    algorithms: Algorithms = CONFIGURABLE
    ca: TrustedBy = None
    single_use: Annotated[bool, ConfigKey(read.flag, "Whether a token starts one loop only.")] = (
        False
    )
    lifetime_ms: Annotated[
        int, ConfigKey(read.duration, "How long its loops live at most.", "`1h`")
    ] = 3_600_000
    password: AsPassword = False

    def __post_init__(self) -> None:
        check_issuer(self.issuer)
        check_algorithms(self.algorithms)
        if not self.audience or not all(self.audience):
            raise CustodyError(
                "identity.settings",
                "audience is empty: a token meant for anybody would be taken.",
                "Name the audience that the job asks its token for.",
            )
        if not self.require or not all(key and each for key, each in self.require.items()):
            raise CustodyError(
                "identity.settings",
                "require is empty: whoever the issuer serves would be let in.",
                "Require at least one claim, such as repository.",
            )
        if isinstance(self.jwks, str) and not acceptable_url(self.jwks, of=self.issuer):
            raise CustodyError("identity.settings", "jwks is not an https URL.")
