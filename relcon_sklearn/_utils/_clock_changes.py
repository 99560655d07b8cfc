"""Changes of clocks at the end of daylight saving, as local times show them."""

# How far clocks are set back, in seconds and in words: 30 minutes on Lord Howe Island.
CHANGES = {3600: "an hour", 1800: "30 minutes"}

# A step back in time may differ by this many seconds from the change.
TOLERANCE = 60

# Steps back in one recording or append. Samples that are not in order of time have more.
MOST_CHANGES = 3
