"""Files that are there whole or not at all."""

import os
import secrets


def write_atomically(path, write):
    """Have `write(temporary)` make a file beside `path`, then give it its name.

    Parameters
    ----------
    path : Path
        The file to make or to replace, in a folder that exists.

    write : callable
        Called with the path of the temporary file, which has the ending of `path`. If it raises,
        the temporary file is removed and `path` stays as it was.
    """
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(8)}{path.suffix}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
