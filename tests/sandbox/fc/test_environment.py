"""Tests of the environment in which a simulated function runs: libraries, variables, context and credentials."""

import pytest

from sandbox import Sandbox

CREDENTIALS = list(Sandbox.function_credentials)


@pytest.mark.parametrize(("runtime", "version"), [("python3.12", "2.18.6"), ("python3.10", "2.16.0")])
def test_a_simulated_function_sees_only_the_libraries_of_its_runtime(box, create, runtime, version):
    create(
        """
        import importlib.util, sys
        import oss2
        def handler(event, context):
            absent = [n for n in ("pytest", "aiohttp", "sandbox", "hypothesis") if importlib.util.find_spec(n) is None]
            return {"oss2": oss2.__version__, "absent": absent, "path": sys.path}
        """,
        runtime=runtime,
    )

    value = box.fc.invoke("f", b"").value

    assert value["oss2"] == version
    assert value["absent"] == ["pytest", "aiohttp", "sandbox", "hypothesis"]
    assert value["path"][1].endswith(f".runtimes/{runtime}")
    assert not [entry for entry in value["path"] if "site-packages" in entry]


SHOW_ENVIRONMENT = """
import os
def handler(event, context): return dict(os.environ)
"""


def test_a_simulated_function_has_only_its_own_environment_variables(box, create, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    create(SHOW_ENVIRONMENT, environment={"LOG_BUCKET": "logs"})

    environment = box.fc.invoke("f", b"").value

    assert environment.pop("LC_CTYPE", None) in (None, "C.UTF-8"), "Python itself sets it"
    assert environment.keys() == {
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "LOG_BUCKET",
        "FC_FUNCTION_NAME",
        "FC_FUNCTION_HANDLER",
        "FC_REGION",
        "FC_ACCOUNT_ID",
        "FC_INSTANCE_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
    }
    assert (environment["FC_FUNCTION_NAME"], environment["FC_REGION"]) == ("f", "cn-hangzhou")


SHOW_CONTEXT = """
import os
def handler(event, context):
    credentials = getattr(context, "credentials", None)
    return {
        "credentials": credentials and [
            credentials.access_key_id, credentials.access_key_secret, credentials.security_token
        ],
        "environment": [os.environ.get("ALIBABA_CLOUD_" + name)
                        for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")],
        "request_id": context.request_id,
        "function": [context.function.name, context.function.handler, context.function.timeout,
                     context.function.memory, context.function.version_id, context.function.qualifier],
        "region": context.region,
        "account_id": context.account_id,
        "logger": context.logger.name,
    }
"""


@pytest.mark.parametrize(
    ("runtime", "in_context", "in_environment"),
    [
        ("python3.12", None, CREDENTIALS),
        ("python3.10", CREDENTIALS, [None, None, None]),
    ],
)
def test_a_simulated_function_gets_credentials_as_in_the_real_runtime(box, create, runtime, in_context, in_environment):
    create(SHOW_CONTEXT, runtime=runtime, timeout=17)

    invocation = box.fc.invoke("f", b"")

    assert invocation.value == {
        "credentials": in_context,
        "environment": in_environment,
        "request_id": invocation.request_id,
        "function": ["f", "index.handler", 17, 512, "LATEST", "LATEST"],
        "region": "cn-hangzhou",
        "account_id": "1000000000000001",
        "logger": "root",
    }


def test_a_simulated_function_writes_no_bytecode_into_its_code_folder(box, create):
    code = create("import helper\ndef handler(event, context): return helper.VALUE")
    (code / "helper.py").write_text("VALUE = 1")

    assert box.fc.invoke("f", b"").value == 1
    assert sorted(path.name for path in code.iterdir()) == ["helper.py", "index.py"]


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
