"""Generated recordings and segments of walking, running, sitting and other activities."""
