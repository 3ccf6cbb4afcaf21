"""What wakes the functions of a deployed project: every trigger of its s.yaml, on the bucket that it names."""

import pytest

KEYS_OF_EVENT = """
import json
def handler(event, context): return [one["oss"]["object"]["key"] for one in json.loads(event)["events"]]
"""

PROJECT = """
edition: 3.0.0
vars:
  functionName: project
  sourceBucket: photos
  logBucket: photos-oms-log
resources:
  forward:
    component: fc3
    props: &props
      functionName: ${vars.functionName}
      runtime: python3.12
      handler: index.handler
      code: .
      timeout: 10
      environmentVariables: {}
      triggers:
        - triggerName: content
          triggerType: oss
          sourceArn: acs:oss:cn-hangzhou:${config('AccountID')}:${vars.sourceBucket}
          triggerConfig: &put
            events: [oss:ObjectCreated:PutObject]
            filter: {key: {prefix: "", suffix: ".jpg"}}
  reconcile:
    component: fc3
    props:
      <<: *props
      functionName: ${vars.functionName}-reconcile
      triggers:
        - triggerName: pieces
          triggerType: oss
          sourceArn: acs:oss:cn-hangzhou:${config('AccountID')}:${vars.logBucket}
          triggerConfig:
            <<: *put
            filter: {key: {prefix: "oms_source_record/passes/project-reconcile/", suffix: ""}}
        - triggerName: tick
          triggerType: timer
          triggerConfig: {cronExpression: "@every 10m", enable: true, payload: "{}"}
        - triggerName: orders
          triggerType: oss
          sourceArn: acs:oss:cn-hangzhou:${config('AccountID')}:${vars.logBucket}
          triggerConfig:
            <<: *put
            filter: {key: {prefix: "orders/", suffix: ""}}
"""
PIECE = "oms_source_record/passes/project-reconcile/task/1/r/0"


@pytest.fixture
def deploy(box, tmp_path):
    """Deploys a project of two functions, whose s.yaml is given as text."""

    def deploy_text(text=PROJECT):
        (tmp_path / "index.py").write_text(KEYS_OF_EVENT)
        (tmp_path / "s.yaml").write_text(text)
        box.deploy_project(tmp_path)

    return deploy_text


@pytest.fixture
def woken(box):
    """Function and key of each event that these uploads to both buckets led to."""

    def by_uploads():
        before = len(box.fc.invocations)
        for bucket in (box.source_bucket, box.log_bucket):
            for key in ("a.jpg", "a.png", PIECE, "orders/1", "oms_source_record/passes/project-compare/task/1/r/0"):
                box.bucket(bucket).put_object(key, b"")
        box.wait_idle(20)
        return sorted((one.function, *one.value) for one in box.fc.invocations[before:])

    return by_uploads


def test_every_trigger_of_every_function_wakes_it_by_the_bucket_that_it_names(deploy, woken):
    deploy()

    assert woken() == [("forward", "a.jpg"), ("reconcile", PIECE), ("reconcile", "orders/1")]


def test_a_trigger_that_is_deployed_again_with_another_bucket_moves_there(box, deploy, woken):
    deploy()
    box.oss.create_bucket("archive")

    deploy(PROJECT.replace("sourceBucket: photos", "sourceBucket: archive"))

    assert woken() == [("reconcile", PIECE), ("reconcile", "orders/1")], "its old bucket wakes it no more"
    box.bucket("archive").put_object("b.jpg", b"")
    box.wait_idle(20)
    assert box.fc.invocations[-1].value == ["b.jpg"]


def test_a_function_without_its_triggers_sleeps(box, deploy, woken):
    deploy()

    box.remove_triggers("reconcile")

    assert woken() == [("forward", "a.jpg")]
