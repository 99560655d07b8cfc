"""Small JSON files of records and headers, which may be damaged or hostile."""

import json

from ..exceptions import DamagedFileError


def read_json_object(path, kinds):
    """Return the JSON object in a file, which may be damaged or edited.

    Parameters
    ----------
    path : Path
        The file.

    kinds : dict
        Type of the value of each required key, as for `isinstance`.

    Returns
    -------
    content : dict

    Raises
    ------
    OSError
        If the file cannot be read.
    DamagedFileError
        If the file is not a JSON object, or lacks a key with a value of the required type.
    """
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path} is not a JSON file, or is damaged: {error}.") from error
    if not isinstance(content, dict):
        raise DamagedFileError(f"{path} does not hold a JSON object.")
    for key, kind in kinds.items():
        if not isinstance(content.get(key), kind):
            raise DamagedFileError(f"{path} has no valid value of {key!r}.")
    return content
