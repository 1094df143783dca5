"""The OpenAPI description of the patient API (openapi.yml, beside this), as JSON. tests/web/test_openapi.py holds it to reality."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.http import HttpRequest, JsonResponse

SOURCE = Path(__file__).with_name("openapi.yml")


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    return content


async def openapi(request: HttpRequest) -> JsonResponse:
    """For developers; the same for everybody."""
    response = JsonResponse(description())
    response["Cache-Control"] = "public, max-age=300"
    return response
