"""One issuer of workload tokens: a CI system, a Kubernetes cluster."""

from collections.abc import Callable
from typing import Final

from custody.identity.oidc.fetch import Fetch
from custody.identity.oidc.settings import WorkloadSettings
from custody.model.identity import Proof
from custody.model.secret import Secret


class WorkloadIssuer:
    """One per ``[[workload]]``. Every fault is a ``CustodyError`` with a code ``identity.*``."""

    def __init__(self, settings: WorkloadSettings, fetch: Fetch, clock: Callable[[], int]) -> None:
        self.name: Final = settings.name
        self.settings: Final = settings

    async def check(self, token: Secret) -> Proof:
        raise NotImplementedError
