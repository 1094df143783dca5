"""How many requests an address, and how many messages a conversation, may send. Never in the way of the lines.

Kept in memory and bounded: a copy that starts anew has forgotten, and of very many addresses the oldest are forgotten. A message
that the phrase rules find urgent is always answered and always escalated; over the limit it is answered without the engine.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from django.conf import settings
from django.http import HttpRequest

LONGEST_CHAIN = 20
"""Entries of X-Forwarded-For that are looked at."""


Rate = tuple[int, float]
"""So many in so many seconds."""


class Limit:
    """The generic cell rate algorithm: one number for each key, the time at which its allowance is whole again."""

    def __init__(self, rate: Callable[[], Rate], clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.clock = rate, clock
        self._whole_at: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str) -> float:
        """Count one of `key`. Returns 0, or the seconds until it may be tried again; then it was not counted."""
        (number, seconds), now = self.rate(), self.clock()
        each = seconds / number
        with self._lock:
            whole_at = max(self._whole_at.get(key, now), now) + each
            wait = whole_at - now - seconds
            if wait > each * 1e-6:
                return wait
            self._whole_at[key] = whole_at
            self._whole_at.move_to_end(key)
            while len(self._whole_at) > settings.LIMIT_REMEMBERED:
                self._whole_at.popitem(last=False)
        return 0.0

    def forget(self) -> None:
        with self._lock:
            self._whole_at.clear()

    def __len__(self) -> int:
        return len(self._whole_at)


requests_of_address = Limit(lambda: settings.LIMIT_ADDRESS_REQUESTS)
messages_of_conversation = Limit(lambda: settings.LIMIT_CONVERSATION_MESSAGES)


def address(request: HttpRequest) -> str:
    """Whose requests are counted together: the peer, or whom our own proxies name; of IPv6 the network, which is one customer's.

    X-Forwarded-For is believed from TRUSTED_PROXIES only, and read from its right end, where those proxies write.
    """
    peer = _ip(request.META.get("REMOTE_ADDR", ""))
    if peer is None:
        return "unknown"
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")[-LONGEST_CHAIN:]
    while forwarded and _trusted(peer, settings.TRUSTED_PROXIES):
        named = _ip(forwarded.pop())
        if named is None:
            break
        peer = named
    if isinstance(peer, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((peer, 64), strict=False))
    return str(peer)


def _ip(words: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(words.strip())
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def _trusted(peer: ipaddress.IPv4Address | ipaddress.IPv6Address, proxies: Sequence[str]) -> bool:
    return any(peer in ipaddress.ip_network(proxy, strict=False) for proxy in proxies)
