"""The API's own description: complete, resolvable, and what docs/api.md shows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.routes import HTTPRoute
from tests.web.scene import Scene, scene
from tools.docs_api import with_endpoints

from custody.web.site import routes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


@pytest.fixture
def document() -> Iterator[Any]:
    with scene() as play:
        yield served(play)


def served(play: Scene) -> Any:
    answer = play.browser().get("/schema")
    assert answer.header("content-type").startswith("application/json")
    return answer.json


def test_every_route_is_described_and_nothing_else(document: Any) -> None:
    told = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    there = {
        (method, route.path_format.replace(":str}", "}"))
        for route in routes().routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
    }
    assert told == {(method, path) for method, path in there if method != "OPTIONS"}
    assert document["openapi"].startswith("3.1.")


def test_every_reference_leads_somewhere(document: Any) -> None:
    text = json.dumps(document)
    for piece in text.split('"$ref": "')[1:]:
        name = piece.split('"')[0].removeprefix("#/components/schemas/")
        assert name in document["components"]["schemas"]
    assert "http" not in text.replace("https://gw.example.com:8443", "").replace(
        "http://127.0.0.1:PORT", ""
    ).replace("http://[::1]:PORT", "").replace("http://localhost:PORT", "").replace('"http"', "")


def test_every_path_parameter_is_declared(document: Any) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            named = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_secrets_are_marked_as_such(document: Any) -> None:
    token = document["components"]["schemas"]["TokenForm"]["properties"]
    for name in ("subject_token", "actor_token", "code", "code_verifier", "device_code"):
        assert {"type": "string", "format": "password"} in token[name]["anyOf"]


def test_the_page_shows_this_api() -> None:
    """`make docs` mends it."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_endpoints(page)
