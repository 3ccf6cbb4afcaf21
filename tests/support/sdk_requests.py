"""A comparison of the project's requests with those of the vendors' SDKs."""

import json
import re
from contextlib import suppress
from urllib.parse import parse_qsl, urlsplit

from huaweicloudsdkcore.http.http_config import HttpConfig


def read_parts(request):
    """Return the parts of a request to compare: method, path, parameters, body, and Alibaba Cloud's headers."""
    if hasattr(request, "url"):
        url = urlsplit(request.url)
        path, query = url.path, parse_qsl(url.query, keep_blank_values=True)
    else:
        path, query = request.raw_path, request.query
    body = json.loads(request.body) if request.body[:1] == b"{" else request.body
    # The SDK writes True, and RAM's pages write true.
    query = sorted((name, value.lower() if name == "SetAsDefault" else value) for name, value in query)
    headers = [request.headers.get(f"x-acs-{name}") for name in ("action", "version", "content-sha256")]
    return request.method, path, query, body, headers


def capture_requests(service, call):
    """Return the requests that a call sends; ignore an exception for their responses."""
    before = len(service.requests)
    with suppress(Exception):
        call()
    return list(service.requests)[before:]


def capture_request(service, call):
    return capture_requests(service, call)[0]


def huawei_client(version, service, credentials, client):
    builder = client.new_builder().with_credentials(credentials).with_http_config(HttpConfig(timeout=10))
    return builder.with_endpoints([service.endpoint]).build()


def compare_with_sdk(sent, service, table, clients):
    """Assert that the requests in `sent` equal those of an SDK's clients; compare each kind of request once.

    `table` has a row for each kind: its method and path, and the SDK's call with its request and body. Each row must
    occur in `sent`.
    """
    kinds = set()
    for ours in sent:
        method, path, query, body, _ = read_parts(ours)
        candidates = [(row, match_ids(path, row[1])) for row in table if row[0] == method]
        (row, ids) = next((row, ids) for row, ids in candidates if ids is not None)
        kind = (row, tuple(name for name, _ in query))
        if kind in kinds:
            continue
        kinds.add(kind)
        name, request, body_of = table[row]
        fields = {name: int(value) if value.isdigit() else value for name, value in query}
        fields |= {name: value for name, value in ids.items() if name != "_"}
        fields |= {"body": body_of(**body)} if body_of else {}
        call = next(getattr(client, name) for client in clients if hasattr(client, name))
        assert read_parts(ours) == read_parts(capture_request(service, lambda: call(request(**fields)))), row  # noqa: B023
    assert {row for row, _ in kinds} == set(table)


def match_ids(path, pattern):
    match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern), path)
    return match.groupdict() if match else None
