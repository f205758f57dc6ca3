"""Tokens of CI systems and clusters: whose they are, and whose they are not."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.identity.oidc.issuing import (
    SECOND,
    FakeIssuer,
    id_claims,
    public,
    refusal,
    rsa_key,
    run,
    signed,
)

from custody.identity.oidc.issuer_cache import RENEWED_MS
from custody.identity.oidc.presets import Preset
from custody.identity.oidc.requirements import Requirements
from custody.model.errors import CustodyError
from custody.model.words import IdentityKind, Method

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.example.com"
CLUSTER = "https://kubernetes.default.svc.cluster.local"


def github_claims(**changes: object) -> dict[str, object]:
    said: dict[str, object] = {
        "iss": GITHUB,
        "sub": "repo:acme/shop:ref:refs/heads/main",
        "groups": None,
        "nbf": SECOND - 300,
        "jti": "4a576b35",
        "actor": "octocat",
        "event_name": "push",
        "ref": "refs/heads/main",
        "ref_protected": "true",
        "repository": "acme/shop",
        "repository_id": "74",
        "run_attempt": "1",
        "run_id": "9113",
        "check_run_id": "40001",
        "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "workflow_ref": "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
        "environment": "production",
        **changes,
    }
    return id_claims(**said)


def gitlab_claims(**changes: object) -> dict[str, object]:
    said: dict[str, object] = {
        "iss": GITLAB,
        "sub": "project_path:acme/shop:ref_type:branch:ref:main",
        "groups": None,
        "jti": "235b3a54",
        "project_path": "acme/shop",
        "project_id": "20",
        "user_login": "sam",
        "user_identities": [{"provider": "github", "extern_uid": "24"}],
        "pipeline_id": "574",
        "pipeline_source": "push",
        "job_id": "302",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "runner_id": 1,
        "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        **changes,
    }
    return id_claims(**said)


def cluster_claims(**changes: object) -> dict[str, object]:
    said: dict[str, object] = {
        "iss": CLUSTER,
        "sub": "system:serviceaccount:ci:builder",
        "aud": ["custody"],
        "groups": None,
        "kubernetes.io": {
            "namespace": "ci",
            "node": {"name": "n1", "uid": "u1"},
            "pod": {"name": "builder-7", "uid": "u2"},
            "serviceaccount": {"name": "builder", "uid": "u3"},
        },
        **changes,
    }
    return id_claims(**said)


GITHUB_RULES = {"repository": ("acme/shop",), "ref": ("refs/heads/main", "refs/tags/*")}


def github(**settings: Any) -> Any:
    fields = {"preset": Preset.GITHUB, "require": GITHUB_RULES, **settings}
    return FakeIssuer(issuer=GITHUB).workload(**fields)


def test_a_github_job_is_known_by_its_repository() -> None:
    proof = run(github(subject="repository", groups=("ci",)).check(signed(github_claims())))
    assert (proof.identity.subject, proof.identity.issuer) == ("acme/shop", GITHUB)
    assert (proof.identity.groups, proof.identity.kind) == (("ci",), IdentityKind.SERVICE)
    assert (proof.method, proof.provider, proof.use) == (Method.WORKLOAD, "ci", "")
    assert dict(proof.facts) == {
        "repository": "acme/shop",
        "commit": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "ref": "refs/heads/main",
        "workflow": "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
        "job": "40001",
        "run": "9113",
        "attempt": "1",
        "environment": "production",
        "actor": "octocat",
        "event": "push",
    }


def test_a_gitlab_job_is_known_by_its_project() -> None:
    issuer = FakeIssuer(issuer=GITLAB).workload(
        preset=Preset.GITLAB,
        subject="repository",
        require={"repository": ("acme/*",), "ref": ("refs/heads/main",), "runner_id": ("1",)},
    )
    proof = run(issuer.check(signed(gitlab_claims())))
    assert proof.identity.subject == "acme/shop"
    facts = dict(proof.facts)
    assert (facts["job"], facts["run"], facts["actor"]) == ("302", "574", "sam")
    assert (facts["ref"], facts["commit"][:7]) == ("refs/heads/main", "714a629")
    # A tag may have the branch's name; the qualified ref tells them apart.
    tag = gitlab_claims(ref_type="tag", ref_path="refs/tags/main")
    assert refusal(issuer.check(signed(tag))) == "identity.requirement"
    assert refusal(issuer.check(signed(gitlab_claims(ref_path=None)))) == "identity.requirement"


def test_a_pod_is_known_by_its_service_account() -> None:
    issuer = FakeIssuer(issuer=CLUSTER).workload(
        preset=Preset.KUBERNETES,
        require={"namespace": ("ci",), "service_account": ("builder",)},
    )
    proof = run(issuer.check(signed(cluster_claims(), typ=None)))
    assert proof.identity.subject == "system:serviceaccount:ci:builder"
    assert dict(proof.facts) == {
        "namespace": "ci",
        "service_account": "builder",
        "pod": "builder-7",
        "node": "n1",
    }
    for claims in (
        cluster_claims(
            **{"kubernetes.io": {"namespace": "prod", "serviceaccount": {"name": "builder"}}}
        ),
        cluster_claims(**{"kubernetes.io": {"namespace": "ci"}}),
        cluster_claims(**{"kubernetes.io": None}),
        cluster_claims(**{"kubernetes.io": None, "namespace": "ci", "service_account": "builder"}),
        cluster_claims(**{"kubernetes.io": "ci"}),
    ):
        assert refusal(issuer.check(signed(claims))) == "identity.requirement"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        (github_claims(), "passed"),
        (github_claims(ref="refs/tags/v1"), "passed"),
        (github_claims(iss=GITHUB + "/"), "identity.issuer"),
        (github_claims(iss="https://token.actions.evil.example"), "identity.issuer"),
        (github_claims(aud="https://github.com/acme"), "identity.audience"),
        (github_claims(aud=None), "identity.audience"),
        (github_claims(repository="evil/shop"), "identity.requirement"),
        (github_claims(repository="acme/shop2"), "identity.requirement"),
        (github_claims(repository="acme/Shop"), "identity.requirement"),
        (github_claims(repository=["acme/shop"]), "identity.requirement"),
        (github_claims(repository=None), "identity.requirement"),
        (github_claims(ref="refs/heads/dev"), "identity.requirement"),
        (github_claims(ref="refs/heads/main2"), "identity.requirement"),
        (github_claims(ref="refs/heads/main\n"), "identity.requirement"),
        (github_claims(ref="refs/tags/v1/x"), "identity.requirement"),
        (github_claims(ref="refs/pull/7/merge"), "identity.requirement"),
        (github_claims(ref=None), "identity.requirement"),
        (github_claims(sha="a\nb"), "identity.malformed"),
        (github_claims(sha={"a": 1}), "identity.malformed"),
        (github_claims(exp=SECOND - 30), "identity.expired"),
        (github_claims(sub=""), "identity.subject"),
        (github_claims(events={}), "identity.token-kind"),
        (github_claims(cnf={"jkt": "x"}), "identity.token-kind"),
    ],
)  # fmt: skip
def test_a_workload_must_meet_every_requirement(claims: dict[str, object], code: str) -> None:
    assert refusal(github().check(signed(claims))) == code


def test_a_refusal_names_the_requirement_and_not_the_value() -> None:
    with pytest.raises(CustodyError, match="repository") as caught:
        run(github().check(signed(github_claims(repository="evil/shop"))))
    assert "evil" not in str(caught.value)


def test_forgeries_meet_the_same_checks_as_with_providers() -> None:
    forged = signed(github_claims(), rsa_key("mallory"), jwk=public(rsa_key("mallory")))
    assert refusal(github().check(forged)) == "identity.key-unknown"
    assert refusal(github().check(signed(github_claims(), b"x", alg="HS256"))) == (
        "identity.algorithm"
    )


def test_a_token_that_may_come_once_carries_its_name() -> None:
    assert run(github(single_use=True).check(signed(github_claims()))).use == "4a576b35"
    assert refusal(github(single_use=True).check(signed(github_claims(jti=None)))) == (
        "identity.claim-missing"
    )


def test_groups_of_a_claim_are_added() -> None:
    workload = github(groups=("ci",), groups_claim="teams")
    proof = run(workload.check(signed(github_claims(teams=["shop", "ci"]))))
    assert proof.identity.groups == ("ci", "shop")
    assert refusal(workload.check(signed(github_claims(teams="shop")))) == "identity.groups"


def test_keys_of_a_file_are_read_again_when_a_new_one_turns_up(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    old, new = rsa_key("old"), rsa_key("new")
    issuer = FakeIssuer(issuer=CLUSTER)
    workload = issuer.workload(jwks=file, require={"sub": ("system:**",)})
    assert refusal(workload.check(signed(cluster_claims(), old))) == "identity.unreachable"
    file.write_text(json.dumps({"keys": [public(old)]}))
    issuer.now += RENEWED_MS
    assert refusal(workload.check(signed(cluster_claims(), old))) == "passed"
    file.write_text(json.dumps({"keys": [public(new)]}))
    assert refusal(workload.check(signed(cluster_claims(), new))) == "identity.key-unknown"
    issuer.now += RENEWED_MS
    assert refusal(workload.check(signed(cluster_claims(), new))) == "passed"
    assert refusal(workload.check(signed(cluster_claims(), old))) == "identity.key-unknown"
    file.write_text("x" * 300_000)
    issuer.now += RENEWED_MS
    assert refusal(workload.check(signed(cluster_claims(), old))) == "identity.key-unknown"
    assert issuer.asked == []


def test_keys_of_a_url_need_no_discovery() -> None:
    issuer = FakeIssuer(issuer=GITHUB)
    workload = issuer.workload(jwks=f"{GITHUB}/keys")
    assert refusal(workload.check(signed(github_claims()))) == "passed"
    assert [each.url for each in issuer.asked] == [f"{GITHUB}/keys"]


@pytest.mark.parametrize(
    ("pattern", "value", "met"),
    [
        ("refs/tags/*", "refs/tags/v1", True),
        ("refs/tags/*", "refs/tags/", True),
        ("refs/tags/*", "refs/tags/v1/x", False),
        ("refs/tags/**", "refs/tags/v1/x", True),
        ("refs/tags/*", "xrefs/tags/v1", False),
        ("acme/*", "acme/shop", True),
        ("acme/*", "acme/shop:x", False),
        ("repo:acme/*:ref:refs/heads/main", "repo:acme/shop:ref:refs/heads/main", True),
        ("repo:acme/*:ref:refs/heads/main", "repo:acme/x:environment:y:ref:refs/heads/main", False),
        ("*", "", True),
        ("*", "a/b", False),
        ("**", "a/b\nc", True),
        ("v1.*", "v1x2", False),
        ("[a-z]", "b", False),
        ("?", "b", False),
        ("?", "?", True),
        ("a*b*c", "a-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("main", "Main", False),
        ("main", "m\u0430in", False),
        ("true", True, True),
        ("7", 7, True),
        ("7", 7.0, False),
        ("**", ["a"], False),
        ("**", None, False),
        ("**", {"a": 1}, False),
        ("**", "a" * 1025, False),
    ],
)
def test_a_star_stays_within_its_segment(pattern: str, value: object, met: bool) -> None:  # noqa: FBT001 - a row
    try:
        Requirements(Preset.NONE, {"claim": (pattern,)}).check({"claim": value})
    except CustodyError as error:
        found = error.code
    else:
        found = "passed"
    assert found == ("passed" if met else "identity.requirement")


def naive(pattern: str, value: str) -> bool:
    """The rule as it is written, one character at a time."""
    if not pattern:
        return not value
    if pattern.startswith("**"):
        return any(naive(pattern[2:], value[n:]) for n in range(len(value) + 1))
    if pattern.startswith("*"):
        run_ = next((n for n, c in enumerate(value) if c in "/:"), len(value))
        return any(naive(pattern[1:], value[n:]) for n in range(run_ + 1))
    return bool(value) and value[0] == pattern[0] and naive(pattern[1:], value[1:])


@given(st.text("ab/:*.", max_size=6), st.text("ab/:.", max_size=8))
def test_patterns_mean_what_is_written(pattern: str, value: str) -> None:
    try:
        Requirements(Preset.NONE, {"claim": (pattern,)}).check({"claim": value})
    except CustodyError:
        assert not naive(pattern, value)
    else:
        assert naive(pattern, value)
