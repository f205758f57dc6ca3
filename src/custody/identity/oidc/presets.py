"""Which claims of well-known issuers say what.

Law: a fact has one name whoever proves it; a claim that an issuer does not give is no fact.
Sources: GitHub's "OpenID Connect reference", GitLab's "OIDC authentication using ID tokens",
Kubernetes' "Managing Service Accounts" (bound service account tokens).
"""

from collections.abc import Mapping
from typing import Final

from custody.identity.oidc.settings import Preset
from custody.identity.oidc.tokens.claims import Claims, find, fit, scalar
from custody.model.errors import CustodyError

FACTS: Final[Mapping[Preset, Mapping[str, str]]] = {
    Preset.NONE: {},
    Preset.GITHUB: {
        "repository": "repository",
        "commit": "sha",
        "ref": "ref",
        "workflow": "workflow_ref",
        "job": "check_run_id",
        "run": "run_id",
        "attempt": "run_attempt",
        "environment": "environment",
        "actor": "actor",
        "event": "event_name",
    },
    Preset.GITLAB: {
        "repository": "project_path",
        "commit": "sha",
        # Fully qualified, unlike the claim ``ref``, which a branch and a tag can share.
        "ref": "ref_path",
        "workflow": "ci_config_ref_uri",
        "job": "job_id",
        "run": "pipeline_id",
        "environment": "environment",
        "actor": "user_login",
        "event": "pipeline_source",
    },
    Preset.KUBERNETES: {
        "namespace": "kubernetes.io.namespace",
        "service_account": "kubernetes.io.serviceaccount.name",
        "pod": "kubernetes.io.pod.name",
        "node": "kubernetes.io.node.name",
    },
}


def claim_of(preset: Preset, key: str) -> str:
    """The claim that an operator's key names: the preset's fact of that name, else the claim."""
    return FACTS[preset].get(key, key)


def facts(preset: Preset, claims: Claims) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, _fact(claims, path))
        for name, path in FACTS[preset].items()
        if find(claims, path) not in (None, "")
    )


def _fact(claims: Claims, path: str) -> str:
    value = scalar(find(claims, path))
    if value is None or not fit(value):
        raise CustodyError("identity.malformed", f"The token's {path} is not what it must be.")
    return value
