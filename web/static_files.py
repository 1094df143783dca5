"""Static files of the installed apps, served by this process: no build step, no second server, DEBUG off."""

from __future__ import annotations

import gzip
import mimetypes
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from django.contrib.staticfiles import finders
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import parse_etags, quote_etag

MAX_AGE = 300


async def static_file(request: HttpRequest, path: str) -> HttpResponse:
    """Raises Http404. Browsers keep a file for five minutes, then ask whether it changed."""
    try:
        found = finders.find(path)
    except (SuspiciousOperation, ValueError):
        found = None
    if not found or not Path(found).is_file():
        raise Http404
    stat = Path(found).stat()
    content, etag = _content(found, stat.st_mtime_ns, stat.st_size)
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        response = HttpResponse(status=304)
    else:
        kind = mimetypes.guess_type(found)[0] or "application/octet-stream"
        response = HttpResponse(content, content_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
    response["ETag"] = etag
    response["Cache-Control"] = f"public, max-age={MAX_AGE}"
    return compressed(request, response)


def compressed(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The response as gzip, for who takes it. Only for public files: what holds words of a patient is never compressed."""
    if response.status_code == 200 and response["Content-Type"].startswith(("text/", "image/svg")):
        response["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            response.content = _gzip(response.content)
            response["Content-Encoding"] = "gzip"
    return response


@lru_cache(maxsize=256)
def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=9, mtime=0)


@lru_cache(maxsize=256)
def _content(path: str, _changed: int, _size: int) -> tuple[bytes, str]:
    content = Path(path).read_bytes()
    return content, etag_of(content)


def etag_of(content: bytes) -> str:
    """Weak, since what is sent may be compressed or not."""
    return "W/" + quote_etag(sha256(content).hexdigest()[:32])
