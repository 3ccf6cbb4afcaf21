"""Doctor's checks of host names, connections, TLS, proxies and clocks, over sockets."""

from __future__ import annotations

import ssl

import pytest

from sandbox import Sandbox
from sandbox.server.certificate import make_certificate
from sandbox.server.faults import Fault
from support.doctor import QUICK, states, verify_check


def test_doctor_reports_an_untrusted_server_as_a_fault(run_doctor, tmp_path):
    certificate = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Sandbox(ssl_context=context) as box, Sandbox() as plain:
        # No certificate, a folder without it, and the file.
        trusting = [{}, {"REQUESTS_CA_BUNDLE": str(tmp_path)}, {"REQUESTS_CA_BUNDLE": str(certificate)}]
        *refused, trusted = (run_doctor(plain, SYNC_URL=box.task.sync_url, **bundle) for bundle in trusting)
    for report in refused:
        assert states(report, "fault") == ["OMS connection"]
        verify_check(report, "OMS connection", "fault", "no trusted TLS connection")
    verify_check(trusted, "OMS connection", "ok")


@pytest.mark.parametrize(("proxy", "state"), [("HTTPS_PROXY", "ok"), ("HTTP_PROXY", "fault")])
def test_doctor_tests_the_connection_to_a_proxy(box, run_doctor, monkeypatch, proxy, state):
    # GIVEN an OMS that this machine cannot reach by itself, and a proxy for https or for http
    monkeypatch.setenv(proxy, box.oms.endpoint.removeprefix("http://"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    url = box.task.sync_url.replace(box.oms.endpoint, "https://oms.cn-north-4.invalid")
    verify_check(run_doctor(box, **QUICK, SYNC_URL=url), "OMS connection", state)


@pytest.mark.parametrize("proxy", ["http://proxy:80x", "http://user:p#ss@proxy:80"])
def test_doctor_reports_a_proxy_without_a_host_and_does_not_show_it(box, run_doctor, monkeypatch, proxy):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy)
    report = run_doctor(box)
    assert states(report, "fault") == ["OMS connection", "OSS connection"]
    assert "p#ss" not in str(report)


@pytest.mark.parametrize("location", ["http://[", "//", "http://a:b/", "http://x/\xff\xfe", "\x80"])
def test_doctor_reads_the_clock_of_a_response_with_a_malformed_location(box, run_doctor, location):
    # GIVEN something at OMS's address that redirects to nowhere, and then refuses
    box.oms.faults.add(
        Fault.status(302, headers={"Location": location}), where=lambda request: request.method == "HEAD"
    )
    box.oms.faults.add(Fault.status(403))
    report = run_doctor(box)
    assert states(report, "fault") == ["permission oms:synctask:get"]
    verify_check(report, "clock", "ok", "OMS's clock")
