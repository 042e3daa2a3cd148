"""Who may not look: strangers' names, strangers' pages, who does not know the token, who sends too much."""

from __future__ import annotations

import hmac

import pytest
from starlette.datastructures import Headers
from starlette.websockets import WebSocketDisconnect

from aed.monitor.web.access import COOKIE, Access
from aed.monitor.web.app import LONGEST_BODY_BYTES
from aed.monitor.web.config import WebConfig

TOKEN = "correct-horse-battery"
GUARDED = WebConfig(host="0.0.0.0", token=TOKEN, names=("pi.local",))
MICROPHONE = "ws://127.0.0.1:8765/api/microphone?rate_hz=48000"
LAN = "http://192.168.1.5:8765"
PATHS = ["/", "/api/events", "/api/tree", "/api/settings", "/api/events/x/clip", "/metrics", "/api/openapi.json"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "192.168.1.5", "[", ""]
)
@pytest.mark.parametrize("path", ["/", "/api/events", "/static/style.css"])
def test_a_foreign_name_is_refused_whatever_it_leads_to(client, host: str, path: str) -> None:
    answer = client.get(path, headers={"host": host})
    assert answer.status_code == 421
    assert "x-frame-options" in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:8765"])
def test_this_machine_has_several_names(client, host: str) -> None:
    assert client.get("/api/tree", headers={"host": host}).status_code == 200


def test_in_the_network_numbers_and_given_names_are_ours(open_client) -> None:
    client = open_client(GUARDED, LAN)
    client.headers["authorization"] = f"Bearer {TOKEN}"
    statuses = [
        client.get("/api/tree", headers={"host": host}).status_code
        for host in ("192.168.1.5:8765", "[fe80::1]:8765", "PI.local", "evil.example")
    ]
    assert statuses == [200, 200, 200, 421]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1:8765"}, 200),
        ({"origin": "http://127.0.0.1:8765", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:3000"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://127.0.0.1:8765", "sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 403),
    ],
)
def test_only_our_own_page_may_ask_and_tell(client, home, headers: dict[str, str], status: int) -> None:
    heard = home.publish(home.heard())
    assert client.get("/api/events", headers=headers).status_code == status
    mark = client.put(f"/api/events/{heard.id}/mark", json={"verdict": "wrong"}, headers=headers)
    assert mark.status_code == status
    assert bool(home.store.marks()) == (status == 200)


def test_a_link_elsewhere_may_lead_to_the_page_but_not_frame_it(client) -> None:
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/", headers=followed).status_code == 200
    assert client.get("/", headers={**followed, "sec-fetch-dest": "iframe"}).status_code == 403
    assert client.post("/login", headers=followed).status_code == 403


def test_another_pages_websocket_is_refused(client) -> None:
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"host": "evil.example"}):
        with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect(MICROPHONE, headers=headers):
            pass
        assert refused.value.code == 1008
    with client.websocket_connect(MICROPHONE, headers={"origin": "http://127.0.0.1:8765"}) as socket:
        assert socket.receive_json()["source"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_forbids_foreign_scripts_and_frames(client, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] in ("no-store", "no-cache")


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_told(open_client, path: str) -> None:
    client = open_client(GUARDED, LAN)
    for authorization in ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"):
        answer = client.get(path, headers={"authorization": authorization} if authorization else {})
        assert answer.status_code == (303 if path == "/" else 401)
        assert answer.headers.get("location", "login") == "login"
    assert client.get(path, headers={"cookie": f"{COOKIE}={TOKEN}"}).status_code in (303, 401)
    assert client.get(path, headers={"cookie": f"{COOKIE}=ä".encode()}).status_code in (303, 401)
    assert client.get(path, headers={"authorization": f"bearer {TOKEN}"}).status_code not in (303, 401)


def test_without_the_token_no_microphone_and_no_mark(open_client, home) -> None:
    client, heard = open_client(GUARDED, LAN), home.publish(home.heard())
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(MICROPHONE):
        pass
    assert client.put(f"/api/events/{heard.id}/mark", json={"verdict": "wrong"}).status_code == 401
    assert not home.opened
    assert not home.store.marks()


def test_logging_in_sets_a_cookie_that_is_not_the_token(open_client) -> None:
    client = open_client(GUARDED, LAN)
    assert client.get("/login").status_code == 200
    wrong = client.post("/login", data={"token": "guess"})
    assert (wrong.status_code, wrong.headers.get("set-cookie")) == (403, None)
    entered = client.post("/login", data={"token": TOKEN})
    assert (entered.status_code, entered.headers["location"]) == (303, "./")
    cookie = entered.headers["set-cookie"]
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert client.get("/api/tree").status_code == 200


def test_a_token_in_the_address_ends_in_the_cookie_and_out_of_sight(open_client) -> None:
    client = open_client(GUARDED, LAN)
    first = client.get("/", params={"token": TOKEN})
    second = client.get("/" + first.headers["location"])
    assert (second.status_code, second.headers["location"]) == (303, "./")
    assert client.get("/").status_code == 200
    assert client.get("/", params={"token": "x"}).headers["location"] == "login?token=x"


def test_the_cookie_is_for_https_alone_where_there_is_https(open_client, tmp_path) -> None:
    config = WebConfig(token=TOKEN, certificate=tmp_path / "c.pem", certificate_key=tmp_path / "k.pem")
    assert "Secure" in open_client(config).post("/login", data={"token": TOKEN}).headers["set-cookie"]


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    in_constant_time = hmac.compare_digest

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return in_constant_time(a, b)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    door = Access(GUARDED)
    assert not door.knows("guess")
    assert not door.allows(Headers({"authorization": "Bearer guess"}))
    assert door.allows(Headers({"cookie": f"{COOKIE}={door.cookie}"}))
    assert [a for a, _ in compared] == [b"guess", b"guess", door.cookie.encode()]


def test_a_body_that_is_too_large_is_refused(client, home) -> None:
    heard = home.publish(home.heard())
    address, body = f"/api/events/{heard.id}/mark", b" " * (LONGEST_BODY_BYTES + 1)
    assert client.put(address, content=body, headers={"content-type": "application/json"}).status_code == 413
    pieces = (body[:1000] for _ in range(40))  # without a length: counted as it comes
    assert client.put(address, content=pieces, headers={"content-type": "application/json"}).status_code == 413
    assert client.post("/login", content=body).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/js/%2e%2e/%2e%2e/config.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/",
        "/docs",
        "/redoc",
    ],
)
def test_only_the_pages_own_files_are_served(client, path: str) -> None:
    assert client.get(path).status_code in (404, 405)
