"""Starting a copy: errors that say what to do, two copies side by side, and where to look when it is up."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
import yaml

from script.serve import endpoints, only_one, web_port, welcome
from script.supervise import StartError


def test_a_port_in_use_is_said_with_a_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"(?s)port {port} is in use.*PORT=.*script/server"):
            web_port({"PORT": str(port)})


@pytest.mark.parametrize("port", ["http", "", "0", "-1", "65536", "80 80"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(StartError, match="is not a port"):
        web_port({"PORT": port})


def test_two_servers_never_share_a_folder(tmp_path: Path) -> None:
    with only_one(tmp_path) as lock:
        lock.write("process 7, http://localhost:8000/\n")
        lock.flush()
        with pytest.raises(StartError, match=r"(?s)already.*process 7.*COMPANION_HOME="):
            only_one(tmp_path)


def test_a_folder_is_free_again_when_its_server_ended(tmp_path: Path) -> None:
    only_one(tmp_path).close()
    only_one(tmp_path).close()


def test_endpoints_name_this_copys_action_server_and_state(tmp_path: Path) -> None:
    template = "nlg: {type: assistant.nlg.X}\ntracker_store: {type: t, path: var/tracker, max: 60}\n"
    made = yaml.safe_load(endpoints(template, tmp_path, 4711))
    assert made["action_endpoint"] == {"url": "http://127.0.0.1:4711/webhook"}
    assert made["tracker_store"] == {"type": "t", "path": str(tmp_path / "tracker"), "max": 60}
    assert made["nlg"] == {"type": "assistant.nlg.X"}


def test_what_the_template_says_of_the_action_server_is_kept(tmp_path: Path) -> None:
    made = yaml.safe_load(endpoints("action_endpoint: {url: http://127.0.0.1:5055/webhook, token: x}", tmp_path, 1))
    assert made["action_endpoint"] == {"url": "http://127.0.0.1:1/webhook", "token": "x"}


def test_the_welcome_says_where_to_look(tmp_path: Path) -> None:
    words = welcome(tmp_path, 8123)
    for page in ("/", "/staff/", "/admin/", "/demo/sign-ins/"):
        assert f"http://localhost:8123{page} " in words


def test_the_welcome_names_the_demo_sign_ins_and_keeps_their_second_factor(tmp_path: Path) -> None:
    account = {"name": "sam", "role": "Staff", "password": "pw-1", "totp_secret": "JBSWY3DP"}
    (tmp_path / "demo-accounts.json").write_text(json.dumps([account]))
    words = welcome(tmp_path, 8000)
    assert all(part in words for part in ("sam", "Staff", "pw-1"))
    assert "JBSWY3DP" not in words
