"""Labels that publishers' files hold as numbers."""

import numpy as np

from ...exceptions import DamagedFileError


def labels_of_codes(codes, names, where):
    """Return the label of each code.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Numbers.

    names : dict
        Label of each code.

    where : str
        Name of the file in error messages.

    Returns
    -------
    labels : ndarray of shape (n_samples,), dtype str

    Raises
    ------
    DamagedFileError
        If a code is not in `names`.
    """
    values, inverse = np.unique(codes, return_inverse=True)
    unknown = [code for code in values.tolist() if code not in names]
    if unknown:
        raise DamagedFileError(
            f"{where} has unknown labels. Expected one of {sorted(names)}. Got {unknown}. If the "
            "publisher has changed the data, please report it."
        )
    return np.array([names[code] for code in values.tolist()])[inverse]
