"""The providers that a gateway trusts.

Law: a value; who has none needs nothing that a provider is made of.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from custody.access import TokenIssuer

if TYPE_CHECKING:
    from custody.identity.oidc import OidcProvider, WorkloadIssuer
    from custody.identity.saml import SamlProvider


class Providers(msgspec.Struct, frozen=True):
    """By their names in the configuration."""

    oidc: Mapping[str, "OidcProvider"]
    workload: Mapping[str, "WorkloadIssuer"]
    saml: Mapping[str, "SamlProvider"]
    issuers: tuple[TokenIssuer, ...]
    """Who checks tokens, in the order of the configuration: workloads first."""

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.oidc, *self.workload, *self.saml)


NO_PROVIDERS: Final = Providers({}, {}, {}, ())
