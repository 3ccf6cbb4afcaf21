"""Tests of the environment in which a simulated function runs: libraries, variables, context and credentials."""

import pytest

from sandbox import Sandbox, runtimes

CREDENTIALS = Sandbox.function_credentials
FOREIGN = ("pytest", "aiohttp", "sandbox", "hypothesis")
SHOW = """
import importlib.util, os, sys
import oss2
def handler(event, context):
    credentials = getattr(context, "credentials", None)
    return {
        "oss2": oss2.__version__,
        "version": sys.version.split()[0],
        "path": sys.path,
        "foreign": [name for name in event.decode().split() if importlib.util.find_spec(name)],
        "environment": dict(os.environ),
        "credentials": credentials and [
            credentials.access_key_id, credentials.access_key_secret, credentials.security_token
        ],
        "request_id": context.request_id,
        "function": [context.function.name, context.function.handler, context.function.timeout,
                     context.function.memory, context.function.version_id, context.function.qualifier],
        "region": context.region,
        "account_id": context.account_id,
        "logger": context.logger.name,
    }
"""
KEY_VARIABLES = [f"ALIBABA_CLOUD_{name}" for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")]


@pytest.mark.parametrize(
    ("runtime", "oss2", "in_context", "in_environment"),
    [("python3.12", "2.18.6", None, CREDENTIALS), ("python3.10", "2.16.0", list(CREDENTIALS), ())],
)
def test_a_simulated_function_has_the_environment_of_the_real_runtime(
    box, create, monkeypatch, runtime, oss2, in_context, in_environment
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    create(SHOW, runtime=runtime, timeout=17, environment={"LOG_BUCKET": "logs"})
    invocation = box.fc.invoke("f", " ".join(FOREIGN).encode())
    shown = dict(invocation.value)

    # THEN it has the interpreter and the libraries of its runtime, and no others
    assert shown.pop("version") == runtimes.load_runtime(runtime).version
    path = shown.pop("path")
    assert path[1].endswith(f".runtimes/{runtime}")
    assert not [entry for entry in path if "site-packages" in entry]

    # AND it has only its own variables, and the temporary key where the real runtime has the key
    environment = shown.pop("environment")
    assert environment.pop("LC_CTYPE", None) in (None, "C.UTF-8"), "Python itself sets it"
    assert environment.pop("PATH")
    assert environment.pop("FC_INSTANCE_ID")
    assert environment == {
        "PYTHONDONTWRITEBYTECODE": "1",
        "LOG_BUCKET": "logs",
        "FC_FUNCTION_NAME": "f",
        "FC_FUNCTION_HANDLER": "index.handler",
        "FC_REGION": "cn-hangzhou",
        "FC_ACCOUNT_ID": "1000000000000001",
        **dict(zip(KEY_VARIABLES, in_environment, strict=False)),
    }
    assert shown == {
        "oss2": oss2,
        "foreign": [],
        "credentials": in_context,
        "request_id": invocation.request_id,
        "function": ["f", "index.handler", 17, 512, "LATEST", "LATEST"],
        "region": "cn-hangzhou",
        "account_id": "1000000000000001",
        "logger": "root",
    }


@pytest.mark.parametrize(
    ("environment", "message"),
    [({"FC_X": "1"}, "reserved"), ({"A": 1}, "strings"), ({"A": "x" * 4096}, "4 KB")],
)
def test_the_simulated_fc_refuses_an_environment_that_fc_would_refuse(create, environment, message):
    with pytest.raises(ValueError, match=message):
        create("", environment=environment)


def test_the_error_about_missing_runtime_libraries_names_make_setup(create, mocker, tmp_path):
    mocker.patch("sandbox.runtimes.ROOT", tmp_path)

    with pytest.raises(RuntimeError, match="make setup"):
        create("")
