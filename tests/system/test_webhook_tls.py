"""A webhook gets nothing before its certificate was checked, as the clouds do not."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.webhook_call import Answer, NotSent, WebhookCall
from sandbox.server.certificate import make_certificate
from support.one_answer import answering, served


def test_a_certificate_that_is_not_trusted_gets_nothing(tmp_path, monkeypatch):
    certificate = make_certificate(tmp_path)
    answer = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with served(answer, certificate) as url, pytest.raises(NotSent, match="certificate"):
        WebhookCall(url, b"{}").run(5)

    # The same certificate does, once the environment names it.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with served(answer, certificate) as url:
        assert WebhookCall(url, b"{}").run(5) == Answer(200, b"ok")
    # But not for another name.
    with served(answer, certificate) as url, pytest.raises(NotSent, match="certificate"):
        WebhookCall(url.replace("127.0.0.1", "localhost"), b"{}").run(5)
