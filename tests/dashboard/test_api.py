"""/api/v1 is what its OpenAPI document says, whatever it is asked: schemathesis makes up the requests."""

import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from support.objects import series
from support.router import destination, route
from tests.dashboard.conftest import TOKEN

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def test_answers_are_as_the_document_says(spool, ask):
    spool.receive(*series(3))
    asked = ask(route(spool.root, destination("one", 1)))
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", asked.app, headers=HEADERS)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert "GET /api/v1/status" in [operation.label for operation in operations]
    for operation in operations:

        @settings(max_examples=25, deadline=None)
        @given(
            case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            shown=st.sampled_from([HEADERS, {}, {"Authorization": "Bearer x"}]),
        )
        def check(case, shown) -> None:
            case.call_and_validate(headers=shown)

        check()


def test_the_document_names_what_there_is_and_how_to_be_let_in(spool, ask):
    asked = ask(route(spool.root))
    document = asked.get("/api/v1/openapi.json").json()
    assert set(document["paths"]) == {"/api/v1/status", "/api/v1/openapi.json"}
    for path in document["paths"].values():
        assert path["get"]["security"] == [{"HTTPBearer": []}]
        assert set(path["get"]["responses"]) == {"200", "401"}
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
