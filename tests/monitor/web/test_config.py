"""The dashboard stays on its own machine unless a token guards it; no secret is shown."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from aed.monitor.web.config import WebConfig
from aed.monitor.web.masking import MASK, masked

TOKEN = "correct-horse-battery"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_alone_needs_no_token(host: str) -> None:
    assert WebConfig(host=host).is_local_only


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "pi.local", ""])
def test_elsewhere_is_refused_without_a_token(host: str) -> None:
    with pytest.raises(ValidationError, match="set a token"):
        WebConfig(host=host)
    assert not WebConfig(host=host, token=TOKEN).is_local_only


def test_a_short_token_is_refused_and_not_shown() -> None:
    with pytest.raises(ValidationError, match="at least 16 characters is expected, got 5"):
        WebConfig(token="short")
    assert TOKEN not in repr(WebConfig(token=TOKEN))
    assert TOKEN not in WebConfig(token=TOKEN).model_dump_json()


def test_a_certificate_needs_its_key(tmp_path) -> None:
    with pytest.raises(ValidationError, match="belong together"):
        WebConfig(certificate=tmp_path / "certificate.pem")


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"mqtt": {"password": "x", "port": 1883}}, {"mqtt": {"password": MASK, "port": 1883}}),
        ({"token": None, "web_token": "x"}, {"token": None, "web_token": MASK}),
        ({"most_tokens": True}, {"most_tokens": True}),
        ({"sources": {"door": "rtsp://me:pw@cam/1"}}, {"sources": {"door": f"rtsp://{MASK}@cam/1"}}),
        ({"sources": ["rtsp://me:p@w@cam/1"]}, {"sources": [f"rtsp://{MASK}@cam/1"]}),
        ({"a": "http://cam/s?token=abc&x=1"}, {"a": f"http://cam/s?token={MASK}&x=1"}),
        ({"notify": {"urls": ["tgram://1:secret/2"]}}, {"notify": {"urls": [f"tgram://{MASK}"]}}),
        ({"webhook": {"url": "https://hooks/T0/SECRET"}}, {"webhook": {"url": f"https://{MASK}"}}),
        ({"notify": {"targets": {"me": "pover://u@t"}}}, {"notify": {"targets": {"me": f"pover://{MASK}"}}}),
        ({"headers": {"Authorization": "Bearer x"}}, {"headers": {"Authorization": MASK}}),
        ({"threshold": 0.5, "listen": ["Dog"]}, {"threshold": 0.5, "listen": ["Dog"]}),
    ],
)
def test_secrets_are_masked_wherever_they_lie(settings, shown) -> None:
    assert masked(settings) == shown
