"""The description of the patient API is true: what it allows is taken, what it forbids is refused, and answers are as it says."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.urls import URLPattern
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.support import CRISIS, QUESTION, Patient
from web.chat.api_urls import urlpatterns
from web.chat.openapi import description

schemathesis = pytest.importorskip("schemathesis", reason="requirements/app.lock holds schemathesis; script/setup installs it")
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.checks import load_all_checks  # noqa: E402

load_all_checks()
CHECKS = schemathesis.checks.CHECKS
OWN_REQUESTS = ("unsupported_method", "ignored_auth", "use_after_free", "ensure_resource_availability")
NOT_OURS = [CHECKS.get_one(name) for name in OWN_REQUESTS]
"""Checks that send requests of their own; the tests above and tests/web/test_access.py ask the same of every address."""
OPERATIONS = [
    (method.upper(), path) for path, methods in description()["paths"].items() for method in methods if method != "parameters"
]
FEW = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.fixture
def schema() -> Any:
    return schemathesis.openapi.from_dict(description())


@pytest.fixture(autouse=True)
def no_limits(settings: Any) -> None:
    settings.LIMIT_ADDRESS_REQUESTS = settings.LIMIT_CONVERSATION_MESSAGES = (10**6, 1.0)


def test_every_address_of_the_api_is_described_and_no_other() -> None:
    served = {f"/{pattern.pattern}" for pattern in urlpatterns if isinstance(pattern, URLPattern)}
    assert served == set(description()["paths"])


def test_the_description_is_served_to_everybody(patient: Patient) -> None:
    patient.token = ""
    got = patient.call("GET", "openapi.json")
    assert got.status_code == 200 and got.json() == description()


def test_every_method_that_is_not_described_is_refused_with_the_ones_that_are(patient: Patient) -> None:
    for path, methods in description()["paths"].items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {name.upper() for name in methods}:
            got = patient.call(method, path.lstrip("/"))
            assert got.status_code == 405 and set(got["Allow"].split(", ")) == {name.upper() for name in methods}, path


def send(case: Any, patient: Patient, address: str, **headers: str) -> Any:
    if "security" not in case.operation.definition.raw or case.operation.definition.raw["security"]:
        headers.setdefault("Authorization", f"Bearer {patient.token}")
    return case.call(base_url=f"{address}/api/chat", headers=headers, timeout=20)


@pytest.mark.parametrize(("method", "path"), [one for one in OPERATIONS if one[1] != "/events"])
def test_what_the_description_allows_is_answered_as_it_says(
    method: str, path: str, patient: Patient, address: str, schema: Any
) -> None:
    operation = schema[path][method]
    said = patient.say(QUESTION)["message"]

    @FEW
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE), known=st.booleans())
    def check(case: Any, known: bool) -> None:
        one = Patient(patient.server) if method == "DELETE" else patient
        if path == "/feedback" and known:
            case.body["message"] = said
        if path == "/messages":
            case.body["client_message_id"] = uuid.uuid4().hex
        response = send(case, one, address)
        case.validate_response(response, excluded_checks=NOT_OURS)
        assert response.status_code < 300 or (path == "/feedback" and not known and response.status_code == 404)

    check()


@pytest.mark.parametrize(
    ("method", "path"), [("POST", path) for path in ("/conversations", "/messages", "/contact", "/feedback")]
)
def test_what_the_description_forbids_is_refused_as_it_says(
    method: str, path: str, patient: Patient, address: str, schema: Any
) -> None:
    operation = schema[path][method]

    @FEW
    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def check(case: Any) -> None:
        response = send(case, patient, address)
        assert response.status_code in (200, 201, 400, 401, 404, 409, 413, 422), response.text
        case.validate_response(response, excluded_checks=[*NOT_OURS, CHECKS.get_one("negative_data_rejection")])

    check()


def test_replies_of_every_kind_are_as_described(patient: Patient, address: str, schema: Any) -> None:
    for text in (QUESTION, CRISIS, "she is not breathing", "my chest feels tight", "should I double my dose", "a person please"):
        case = schema["/messages"]["POST"].Case(body={"text": text, "client_message_id": uuid.uuid4().hex})
        case.validate_response(send(case, patient, address), excluded_checks=NOT_OURS)
    case = schema["/conversations/current"]["GET"].Case()
    case.validate_response(send(case, patient, address), excluded_checks=NOT_OURS)


def test_refusals_of_every_kind_are_as_described(patient: Patient, address: str, schema: Any, settings: Any) -> None:
    say = schema["/messages"]["POST"]

    def refused(status: int, body: Any, **headers: str) -> None:
        case = say.Case(body=body)
        response = send(case, patient, address, **headers)
        assert response.status_code == status
        case.validate_response(response, excluded_checks=[*NOT_OURS, CHECKS.get_one("not_a_server_error")])

    patient.say(QUESTION, client_message_id="taken")
    refused(409, {"text": CRISIS, "client_message_id": "taken"})
    refused(413, {"text": "a " * 3000, "client_message_id": "long"})
    refused(422, {"text": "a", "choice": "b", "client_message_id": "both"})
    refused(401, {"text": CRISIS, "client_message_id": "x"}, Authorization="Bearer guess")
    settings.TURNS_AT_ONCE = 0
    refused(503, {"text": QUESTION, "client_message_id": "busy"})
    settings.LIMIT_CONVERSATION_MESSAGES = (1, 3600.0)
    patient.post(QUESTION)
    refused(429, {"text": QUESTION, "client_message_id": "many"})
    patient.call("DELETE", "conversations/current")
    refused(410, {"text": CRISIS, "client_message_id": "deleted"})
