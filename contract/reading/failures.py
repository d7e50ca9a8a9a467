"""Whatever a decoder raises becomes one kind of error, with a reason that is true."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.errors import UnreadableImage

UNSUPPORTED = re.compile(
    r"not supported|unsupported|not implemented|requires|cannot decompress", re.IGNORECASE
)
"""What decoders say when a file is sound and they are the limit."""


@contextmanager
def reasons(path: Path) -> Iterator[None]:
    """Turns whatever decoders raise on `path` into UnreadableImage; silences their warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (UnreadableImage, MemoryError):
        raise
    except FileNotFoundError as error:
        raise UnreadableImage(
            "a link to a file that is not there" if path.is_symlink() else "there is no such file"
        ) from error
    except IsADirectoryError as error:
        raise UnreadableImage("a folder, not a file") from error
    except PermissionError as error:
        raise UnreadableImage("no permission to read the file") from error
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        if isinstance(error, NotImplementedError) or UNSUPPORTED.search(reason):
            raise UnreadableImage(
                f"stored in a way that is not read: {reason}; save it as a plain TIFF or PNG"
            ) from error
        raise UnreadableImage(
            f"cannot be decoded, the file may be damaged or cut off: {reason}"
        ) from error
