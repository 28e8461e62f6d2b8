"""Whatever the document allows, and what it doesn't: no request makes the server fail, and answers are as described."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from recsys_assets.serving.api import create_api
from recsys_assets.serving.settings import ServeSettings
from recsys_assets_tests.made_publication import MadePublication, write_registry
from recsys_assets_tests.serving import Caller, calling

CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]
CASES_EACH = 100


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    folder = tmp_path_factory.mktemp("served")
    write_registry(folder, "mine")
    made = MadePublication(folder, "mine", 30, 60)
    made.publish(made.warehouse(folder / "warehouse.duckdb"), made.models())
    with calling(create_api(ServeSettings(folder, "mine"))) as caller:
        yield caller


def document() -> dict[str, Any]:
    content: dict[str, Any] = create_api(ServeSettings(Path("nowhere"), "mine")).openapi()
    return content


schema = schemathesis.openapi.from_dict(document())
OPERATIONS = {operation.ok().label: operation.ok() for operation in schema.get_all_operations()}


def cases(operation: Any, ask: Caller, n: int) -> int:
    """Try so many cases of an operation; how many there were."""
    tried = 0

    @settings(
        max_examples=n,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def answers(case: Any) -> None:
        nonlocal tried
        tried += 1
        sent = case.as_transport_kwargs(base_url="http://served")
        sent.pop("cookies", None)
        response = ask.request(sent.pop("method"), sent.pop("url"), **sent)
        case.validate_response(schemathesis.Response.from_any(response), checks=CHECKS)

    answers()
    return tried


def test_no_request_makes_the_server_fail(ask):
    tried = {label: cases(operation, ask, CASES_EACH) for label, operation in OPERATIONS.items()}
    assert min(tried.values()) >= 1
    assert sum(tried.values()) >= 2000, tried
