"""The permissions that `policies/show.py --migrate` prints, compared with the requests of migrations."""

import json

import pytest

from ops.accounts.statements import migration_policies
from ops.clouds.keys import ALIBABA_VARIABLES, HUAWEI_VARIABLES
from ops.project import variables
from sandbox.oms.copier import CopyFailure
from support.grants import create_iam_user, create_ram_user
from support.migration import project
from support.policies import show
from unit.ops.migrate.migrate_world import MigrateWorld


def are_sufficient(documents):
    """Return True if all commands of a migration succeed with the permissions in these documents."""
    with MigrateWorld() as world:
        world.fill(50)
        keys = dict(zip(ALIBABA_VARIABLES, create_ram_user(world, documents[0], "mover"), strict=False))
        keys |= dict(zip(HUAWEI_VARIABLES, create_iam_user(world, "mover", documents[1]), strict=False))

        def prepare(group):
            group.speed, group.parallel_copies = 5.0, 1
            group.failures.add(CopyFailure("X"), times=1, where=lambda key: key == "old/000040")

        world.oms.groups.prepare = prepare
        world.stop_following_after(30)
        for word, code in (("--yes", 130), ("--look", 0), ("--pause", 0), ("--go-on", 1), ("--retry", 0)):
            if world.run("migrate", word, typed="", keys=keys)[0] != code:
                return False
        world.stop_following_after(30)
        codes = [world.run("migrate", *words, "--yes", typed="", keys=keys)[0] for words in ([], ["--remove"])]
        return codes == [130, 0]


def documents():
    with MigrateWorld() as world:
        return migration_policies(variables((world.folder / "s.yaml").read_text(encoding="utf-8")))


DOCUMENTS = documents()
RIGHTS = [
    (side, action)
    for side, document in enumerate(DOCUMENTS)
    for statement in document["Statement"]
    for action in statement["Action"]
]


def test_the_printed_permissions_suffice_for_a_migration():
    assert are_sufficient(DOCUMENTS)


@pytest.mark.long
@pytest.mark.parametrize(("side", "action"), RIGHTS, ids=[action for _, action in RIGHTS])
def test_a_migration_needs_each_printed_permission(side, action):
    reduced_documents = [json.loads(json.dumps(document)) for document in DOCUMENTS]
    for statement in reduced_documents[side]["Statement"]:
        statement["Action"] = [
            allowed_action for allowed_action in statement["Action"] if allowed_action != action
        ] or ["oss:Nothing"]
    assert not are_sufficient(reduced_documents)


def test_show_prints_the_permissions_of_a_migration():
    text = show(project(), "--migrate")
    printed_documents = [json.loads(part.partition("\n")[2]) for part in text.split("# ")[1:]]
    assert printed_documents == list(migration_policies(variables((project() / "s.yaml").read_text(encoding="utf-8"))))
