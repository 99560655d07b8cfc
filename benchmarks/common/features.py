"""Hand-crafted features: baselines of learned embeddings that need no training."""

import numpy as np
from scipy import fft

BANDS = ((0.3, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 5.0), (5.0, 10.0))  # Hz
PERIODS = (0.25, 1.5)  # s; from a running step to a slow walking stride
_RESOLUTION = 0.05  # Hz, of the spectrum, reached by padding with zeros
_SD_FLOOR = 1e-5  # g; a signal that varies less is constant. The noise of sensors is 1e-3 g.
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
    """Return features of the periodicity of each channel and vector magnitude.

    From the spectrum, with a Hann window: log10 of the power (the variance in g^2), in total and in
    each of `BANDS`; the share of each band; the dominant frequency from 0.3 Hz on and the share of
    the power around it; the centroid; and the entropy, from 0 to 1. From the autocorrelation: the
    height and the lag (in s) of its peak within `PERIODS`, 0 where there is none.

    There are 17 features for each signal, and the signals are those of `classic_features`. The
    result is (n_segments, 17 * n_signals): the first feature of all signals, then the second.
    """
    return _in_chunks(lambda signals: _frequency_parts(signals, rate), X)


def classic_features(X: np.ndarray, rate: float) -> np.ndarray:
    """Return the features used in the literature on activity recognition and gait.

    `X` is (n_segments, n_timesteps, n_channels), with 8 time steps or more. The signals are its
    channels and the vector magnitude of each sensor. A sensor is three successive channels, or all
    channels if their number is not divisible by three.

    Features of each signal: mean, sd, quartiles, minimum, maximum, median absolute deviation, root
    mean square, skewness, kurtosis, mean absolute value, mean absolute first difference (in g/s),
    crossings of its mean per second, and `frequency_features`. Then follow the signal magnitude
    area of each sensor (the mean of the sum of the absolute values, after removing the mean of each
    channel) and the correlations between channels.
    """

    def parts(signals):
        n_sensors = _n_sensors(X.shape[2])
        channels = signals[:, :-n_sensors]
        return [
            *_time_parts(signals, rate),
            *_frequency_parts(signals, rate),
            *_channel_parts(channels, n_sensors),
        ]

    return _in_chunks(parts, X)


def magnitudes(X: np.ndarray) -> np.ndarray:
    """Return the vector magnitudes of `classic_features`: (n_segments, n_timesteps, n_sensors)."""
    n_segments, n_timesteps, n_channels = X.shape
    by_sensor = X.reshape(n_segments, n_timesteps, _n_sensors(n_channels), -1)
    return np.linalg.norm(by_sensor, axis=3)


def _n_sensors(n_channels: int) -> int:
    return n_channels // 3 if n_channels % 3 == 0 else 1


def _in_chunks(parts, X: np.ndarray) -> np.ndarray:
    """Return the features of all segments; `parts` maps (n, n_signals, n_timesteps) to features."""
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


def _channel_parts(x: np.ndarray, n_sensors: int) -> list[np.ndarray]:
    """Return the signal magnitude areas, and the correlation of each pair of channels."""
    around = x - x.mean(axis=-1, keepdims=True)
    n_segments, n_channels, n_timesteps = x.shape
    areas = np.abs(around).mean(axis=-1).reshape(n_segments, n_sensors, -1).sum(axis=-1)
    z = around / np.maximum(x.std(axis=-1), _SD_FLOOR)[..., None]
    one, other = np.triu_indices(n_channels, k=1)
    return [areas, (z @ z.transpose(0, 2, 1) / n_timesteps)[:, one, other]]


def _frequency_parts(x: np.ndarray, rate: float) -> list[np.ndarray]:
    n_timesteps = x.shape[-1]
    x = x - x.mean(axis=-1, keepdims=True)
    # The periodic window without the 0 at its end, since each of 8 samples counts.
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n_timesteps) + 0.5) / n_timesteps)
    n = fft.next_fast_len(max(n_timesteps, int(np.ceil(rate / _RESOLUTION))), real=True)
    frequency = fft.rfftfreq(n, 1 / rate)
    power = np.abs(fft.rfft(x * window, n)) ** 2 * (2 / (n * (window**2).sum()))
    total = power.sum(axis=-1)
    share = power / np.maximum(total, _SD_FLOOR**2)[..., None]

    def within(low, high):
        return (frequency >= low) & (frequency < high)

    in_bands = [share[..., within(*band)].sum(axis=-1) for band in BANDS]
    considered = within(BANDS[0][0], np.inf)
    dominant = frequency[considered][share[..., considered].argmax(axis=-1)]
    dominant = np.where(total > _SD_FLOOR**2, dominant, 0.0)
    # The main lobe of a sine with a Hann window.
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
    """Return height and lag, in s, of the first peak of at least 0.9 of the highest one.

    `x` has mean 0. The autocorrelation at a lag is the correlation of the time steps that overlap,
    which are at least a quarter of all.
    """
    n_timesteps = x.shape[-1]
    spectrum = fft.rfft(x, fft.next_fast_len(2 * n_timesteps, real=True))
    products = fft.irfft(np.abs(spectrum) ** 2)[..., :n_timesteps]
    head = np.cumsum(x**2, axis=-1)[..., ::-1]  # the sum of squares without the last `lag`
    tail = np.cumsum(x[..., ::-1] ** 2, axis=-1)[..., ::-1]  # and without the first `lag`
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
