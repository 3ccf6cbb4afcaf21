"""`oss2` is imported without what nobody here uses."""

import subprocess
import sys
from pathlib import Path

CODE = str(Path(__file__).parents[3] / "template" / "code")


def test_oss2_is_imported_without_its_encryption_which_stays_there_for_others():
    script = (
        "import sys; from oss_oms_sync.clouds.oss2_import import import_oss2; oss2 = import_oss2();"
        " assert 'Crypto.PublicKey' not in sys.modules and 'aliyunsdkcore' not in sys.modules;"
        " import oss2.crypto; assert oss2.crypto.RsaProvider.__module__ == 'oss2.crypto';"
        " print(oss2 is import_oss2(), oss2.Bucket.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={"PYTHONPATH": CODE})
    assert (done.stdout, done.stderr) == ("True Bucket\n", "")
