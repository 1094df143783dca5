"""The copy under test: the real processes, watched and started again by the product's own supervisor."""

from __future__ import annotations

import json
import os
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from script.supervise import Supervisor
from tests.faults.proxy import Proxy
from tests.running import Running, Unready

SETTINGS = "tests.faults.settings"
TEND_EVERY = 0.1
QUESTION = "Can I eat or drink before my session?"
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Stand(Running):
    """As `Running`, with a proxy between web and engine. Whoever waits, waits with `tend`: it is what keeps things alive."""

    def __init__(self, home: Path, sweep: float = 30.0) -> None:
        super().__init__(home)
        self.proxy = Proxy(self.web.env["ENGINE_URL"])
        more = {"ENGINE_URL": self.proxy.url, "DJANGO_SETTINGS_MODULE": SETTINGS, "FAULTS_SWEEP": str(sweep)}
        for service in (self.actions, self.web):
            service.env = {**service.env, **more}
        self.probes: set[str] = set()
        """Ids of the messages that are sent to see whether all is well; these, too, may be taken to a person."""
        self.supervisor = Supervisor(list(self.all), say=lambda words: None)

    def start(self) -> None:
        super().start()
        for service in self.all:
            service.up = True

    def stop(self) -> None:
        super().stop()
        self.proxy.close()

    def tend(self, seconds: float) -> None:
        """Let time pass."""
        ends = time.monotonic() + seconds
        while True:
            self.supervisor.tend(ready=True)
            left = ends - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(TEND_EVERY, left))

    def until_well(self, within: float, *, everything: bool) -> float:
        """Until a question gets its answer and nothing waits; with `everything`, until every process says that it is well.

        Returns the seconds. Raises Unready.
        """
        began = time.monotonic()
        while not self.well(everything):
            if time.monotonic() - began > within:
                raise Unready(f"not well again within {within:.0f} s")
            self.tend(0.2)
        return time.monotonic() - began

    def well(self, everything: bool = True) -> bool:
        if everything and not all(service.process and service.answers() for service in self.all):
            return False
        try:
            started = self._post("conversations", {}, "")
            said = {"text": QUESTION, "client_message_id": uuid.uuid4().hex}
            self.probes.add(uuid.uuid5(uuid.UUID(started["conversation"]), said["client_message_id"]).hex)
            answered = self._post("messages", said, started["token"])
        except (OSError, ValueError, KeyError):
            return False
        return any(reply["kind"] == "answer" for reply in answered["replies"]) and not self.spooled()

    def _post(self, path: str, body: dict[str, Any], token: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"{self.url}/api/chat/{path}", json.dumps(body).encode(), headers)
        with _opener.open(request, timeout=10) as response:
            content: dict[str, Any] = json.loads(response.read())
            return content

    def escalations(self) -> list[tuple[str, int]]:
        """(message id, rows) of every message that was escalated."""
        sql = "select message_id, count(*) from escalations_escalation group by message_id"
        return [(str(message), int(number)) for message, number in self.query(sql)]

    def alerts(self) -> list[tuple[str, int]]:
        """(message id, how often its escalation was opened)."""
        sql = (
            "select e.message_id, count(*) from escalations_statechange c join escalations_escalation e "
            "on e.id = c.escalation_id where c.to_state = 'open' group by e.message_id"
        )
        return [(str(message), int(number)) for message, number in self.query(sql)]

    def stored(self) -> list[str]:
        """The ids of the messages that are in the record with an answer."""
        return [str(message) for (message,) in self.query("select id from chat_message where state = 'answered'")]

    def arrived(self) -> int:
        """Messages that nobody has answered yet."""
        return int(self.query("select count(*) from chat_message where state = 'received'")[0][0])


def frugal() -> None:
    """A stand must not take the machine from what it measures."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
