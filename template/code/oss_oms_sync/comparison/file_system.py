"""What a destination cannot hold that is a parallel file system: there, keys are paths of files and folders.

Source: OBS, "Parallel File System", differences from a bucket: no key with an empty part between two slashes, none that
ends with a slash and has contents, and no file and folder of one name.
"""

from __future__ import annotations

from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.errors import StorageError
from oss_oms_sync.passes.classify import Entry


class FileSystem:
    """Such a destination, as a walk in the order of keys sees it.

    Of a file and a folder of one name, the objects in the folder are refused if the file is in the destination, because
    the walk comes to the file first. If the folder is there, the file is not known to be refused: it is merely missing.
    """

    def __init__(self, destination: ObsBucket) -> None:
        self._destination = destination
        # Names of what is in the destination with which the last key begins.
        self._files: list[str] = []

    @classmethod
    def of(cls, destination: ObsBucket) -> FileSystem | None:
        """The destination if it is one; None for a bucket, as which it counts without the right to ask.

        Raises StorageError.
        """
        try:
            return cls(destination) if destination.is_file_system() else None
        except StorageError as error:
            if error.code == "AccessDenied":
                return None
            raise

    def begin_after(self, key: str) -> None:
        """Look up the files that may be in the way of the keys after `key`, or of itself.

        Raises StorageError.
        """
        # A file and a later key in its folder have all keys in between begin with the file's name.
        names = [key[:end] for end in range(1, len(key)) if key[end] <= "/"]
        self._files = [one.name for one in self._destination.find_all([*names, key]) if one]

    def refuses(self, entry: Entry) -> bool:
        """Whether the destination cannot hold the object of this key. Keys come in order, with all that is there."""
        key, source, there, files = entry.key, entry.source, entry.destination, self._files
        while files and not key.startswith(files[-1]):
            files.pop()
        is_in_file = any(key[len(one) :][:1] == "/" for one in files)
        if there:
            files.append(key)
        if source is None or (there and there.size == source.size):
            return False
        return is_in_file or "//" in key or (key.endswith("/") and source.size > 0)
