"""Constants that several features share."""

SD_FLOOR = 1e-5  # g; a signal that varies less is constant. The noise of sensors is 1e-3 g.
