"""Which claims of well-known issuers say what.

Law: a fact has one name whoever proves it; a claim that an issuer does not give is no fact.
Sources: GitHub's "OpenID Connect reference", GitLab's "OIDC authentication using ID tokens",
Kubernetes' "Managing Service Accounts" (bound service account tokens).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Self

from custody.identity.oidc.tokens.claims import Claims, find, fit, scalar
from custody.model.errors import CustodyError


class Preset(StrEnum):
    """Whose tokens they are. A member is an operator's word and each fact's claim, and declares
    the preset for the configuration, its documents and its messages alike.
    """

    claims: Mapping[str, str]

    def __new__(cls, word: str, claims: Mapping[str, str]) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.claims = claims
        return member

    GITHUB = (
        "github",
        {
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
    )
    GITLAB = (
        "gitlab",
        {
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
    )
    KUBERNETES = (
        "kubernetes",
        {
            "namespace": "kubernetes.io.namespace",
            "service_account": "kubernetes.io.serviceaccount.name",
            "pod": "kubernetes.io.pod.name",
            "node": "kubernetes.io.node.name",
        },
    )
    NONE = ("none", dict[str, str]())


def claim_of(preset: Preset, key: str) -> str:
    """The claim that an operator's key names: the preset's fact of that name, else the claim."""
    return preset.claims.get(key, key)


def facts(preset: Preset, claims: Claims) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, _fact(claims, path))
        for name, path in preset.claims.items()
        if find(claims, path) not in (None, "")
    )


def _fact(claims: Claims, path: str) -> str:
    value = scalar(find(claims, path))
    if value is None or not fit(value):
        raise CustodyError("identity.malformed", f"The token's {path} is not what it must be.")
    return value
