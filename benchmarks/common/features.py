"""Features made by hand: the opponents of learned embeddings that need no learning."""

import numpy as np
from scipy import fft

BANDS = ((0.3, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 5.0), (5.0, 10.0))  # Hz
PERIODS = (0.25, 1.5)  # s: a step running, to a stride walking slowly
_RESOLUTION = 0.05  # Hz, of the spectrum, by padding with zeros
_SD_FLOOR = 1e-5  # g: what varies less is constant; sensors have noise of 1e-3
_CHUNK = 256  # segments at a time, to bound memory


def dominant_frequency(X: np.ndarray, rate: float) -> np.ndarray:
    """Return the frequency (Hz) of the largest oscillation of each channel; 0 if it is constant."""
    spectrum = np.abs(np.fft.rfft(X - X.mean(axis=1, keepdims=True), axis=1))
    return spectrum.argmax(axis=1) * (rate / X.shape[1])


def summary_features(X: np.ndarray, rate: float) -> np.ndarray:
    """Return mean, sd, quartiles and dominant frequency of each channel of each segment.

    `X` is (n_segments, n_timesteps, n_channels); the features are (n_segments, 6 * n_channels).
    """
    quartiles = np.quantile(X, [0.25, 0.5, 0.75], axis=1)
    parts = [X.mean(axis=1), X.std(axis=1), *quartiles, dominant_frequency(X, rate)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def frequency_features(X: np.ndarray, rate: float) -> np.ndarray:
    """Return what recurs in each channel and vector magnitude, and how strongly and how fast.

    Of the spectrum, by a Hann window: log10 of its power (of the variance, in g^2) in all and in
    each of `BANDS`, the share of each of these, the dominant frequency from 0.3 Hz on and the
    share of the power around it, the centroid, and the entropy from 0 to 1. Of the
    autocorrelation: height and lag (in s) of its peak within `PERIODS`, 0 where there is none.
    These are 17 for each signal, the signals being those of `classic_features`; the result is
    (n_segments, 17 * n_signals), one feature of all signals after the other.
    """
    return _in_chunks(lambda signals: _frequency_parts(signals, rate), X)


def classic_features(X: np.ndarray, rate: float) -> np.ndarray:
    """Return what is computed by hand in the literature on activity recognition and gait.

    `X` is (n_segments, n_timesteps, n_channels), with 8 time steps or more. Signals are its
    channels and the vector magnitude of each three that belong together: the channels in threes if
    that comes out even, or else all of them. Each signal has its mean, sd, quartiles, minimum,
    maximum, median absolute deviation, root mean square, skewness, kurtosis, mean absolute value,
    mean absolute first difference (in g/s), crossings of its mean per second, and
    `frequency_features`. To that come the signal magnitude area of each three (the mean of the sum
    of the absolute values, each channel's mean taken out) and the correlations between channels.
    """

    def parts(signals):
        n_magnitudes = _n_magnitudes(X.shape[2])
        channels = signals[:, :-n_magnitudes]
        return [
            *_time_parts(signals, rate),
            *_frequency_parts(signals, rate),
            *_channel_parts(channels, n_magnitudes),
        ]

    return _in_chunks(parts, X)


def magnitudes(X: np.ndarray) -> np.ndarray:
    """Return the vector magnitudes of `classic_features`: (n_segments, n_timesteps, n_threes)."""
    n_segments, n_timesteps, n_channels = X.shape
    threes = X.reshape(n_segments, n_timesteps, _n_magnitudes(n_channels), -1)
    return np.linalg.norm(threes, axis=3)


def _n_magnitudes(n_channels: int) -> int:
    return n_channels // 3 if n_channels % 3 == 0 else 1


def _in_chunks(parts, X: np.ndarray) -> np.ndarray:
    """Return the features of all segments; `parts` gives those of (n, n_signals, n_timesteps)."""
    chunks = [
        np.concatenate(parts(_signals(X[start : start + _CHUNK])), axis=1, dtype=np.float32)
        for start in range(0, len(X), _CHUNK)
    ]
    return np.concatenate(chunks)


def _signals(X: np.ndarray) -> np.ndarray:
    """Return the channels and then the magnitudes, (n_segments, n_signals, n_timesteps)."""
    X = X.astype(np.float64)
    return np.concatenate([X, magnitudes(X)], axis=2).transpose(0, 2, 1).copy()


def _time_parts(x: np.ndarray, rate: float) -> list[np.ndarray]:
    mean = x.mean(axis=-1, keepdims=True)
    around = x - mean
    sd = x.std(axis=-1)
    z = around / np.maximum(sd, _SD_FLOOR)[..., None]
    quantiles = np.quantile(x, [0, 0.25, 0.5, 0.75, 1], axis=-1)
    above = around >= 0
    return [
        mean[..., 0],
        sd,
        *quantiles,
        np.median(np.abs(x - quantiles[2][..., None]), axis=-1),
        np.sqrt((x**2).mean(axis=-1)),
        (z**3).mean(axis=-1),
        (z**4).mean(axis=-1),
        np.abs(x).mean(axis=-1),
        np.abs(np.diff(x, axis=-1)).mean(axis=-1) * rate,
        (above[..., 1:] != above[..., :-1]).mean(axis=-1) * rate,
    ]


def _channel_parts(x: np.ndarray, n_threes: int) -> list[np.ndarray]:
    """Return the signal magnitude areas, and the correlation of each pair of channels."""
    around = x - x.mean(axis=-1, keepdims=True)
    n_segments, n_channels, n_timesteps = x.shape
    areas = np.abs(around).mean(axis=-1).reshape(n_segments, n_threes, -1).sum(axis=-1)
    z = around / np.maximum(x.std(axis=-1), _SD_FLOOR)[..., None]
    one, other = np.triu_indices(n_channels, k=1)
    return [areas, (z @ z.transpose(0, 2, 1) / n_timesteps)[:, one, other]]


def _frequency_parts(x: np.ndarray, rate: float) -> list[np.ndarray]:
    n_timesteps = x.shape[-1]
    x = x - x.mean(axis=-1, keepdims=True)
    # The window that recurs, without the 0 at its end: of 8 samples, one less is a lot.
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n_timesteps) + 0.5) / n_timesteps)
    n = fft.next_fast_len(max(n_timesteps, int(np.ceil(rate / _RESOLUTION))), real=True)
    frequency = fft.rfftfreq(n, 1 / rate)
    power = np.abs(fft.rfft(x * window, n)) ** 2 * (2 / (n * (window**2).sum()))
    total = power.sum(axis=-1)
    share = power / np.maximum(total, _SD_FLOOR**2)[..., None]

    def within(low, high):
        return (frequency >= low) & (frequency < high)

    in_bands = [share[..., within(*band)].sum(axis=-1) for band in BANDS]
    in_question = within(BANDS[0][0], np.inf)
    dominant = frequency[in_question][share[..., in_question].argmax(axis=-1)]
    dominant = np.where(total > _SD_FLOOR**2, dominant, 0.0)
    # A sine's main lobe, with a Hann window.
    around = np.abs(frequency - dominant[..., None]) <= 2 * rate / n_timesteps
    entropy = -(share * np.log(np.maximum(share, 1e-12))).sum(axis=-1) / np.log(len(frequency))
    return [
        np.log10(np.maximum(total, _SD_FLOOR**2)),
        *(np.log10(np.maximum(total * part, _SD_FLOOR**2)) for part in in_bands),
        *in_bands,
        dominant,
        (share * around).sum(axis=-1),
        share @ frequency,
        entropy,
        *_autocorrelation_peak(x, rate),
    ]


def _autocorrelation_peak(x: np.ndarray, rate: float) -> list[np.ndarray]:
    """Return height and lag, in s, of the first peak nearly as high as any; `x` has mean 0.

    At each lag this is the correlation of those time steps that overlap, at least a quarter of all.
    """
    n_timesteps = x.shape[-1]
    spectrum = fft.rfft(x, fft.next_fast_len(2 * n_timesteps, real=True))
    products = fft.irfft(np.abs(spectrum) ** 2)[..., :n_timesteps]
    head = np.cumsum(x**2, axis=-1)[..., ::-1]  # the sum of squares of all but the last `lag`
    tail = np.cumsum(x[..., ::-1] ** 2, axis=-1)[..., ::-1]  # and of all but the first
    floor = n_timesteps * _SD_FLOOR**2
    correlation = products / np.maximum(np.sqrt(head * tail), floor)
    low = max(1, int(np.ceil(PERIODS[0] * rate)))
    high = min(int(PERIODS[1] * rate), 3 * n_timesteps // 4)
    lags = np.arange(low, high + 1)
    if lags.size == 0:
        return [np.zeros(x.shape[:-1])] * 2
    inner = correlation[..., lags]
    peak = (inner > correlation[..., lags - 1]) & (inner >= correlation[..., lags + 1])
    heights = np.where(peak & (inner > 0), inner, 0.0)
    highest = heights.max(axis=-1)
    first = (heights >= 0.9 * highest[..., None]).argmax(axis=-1)
    lag = np.where(highest > 0, lags[first] / rate, 0.0)
    return [np.take_along_axis(heights, first[..., None], axis=-1)[..., 0], lag]
