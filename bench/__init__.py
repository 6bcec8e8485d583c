"""Speed, measured as ratios of things run side by side; no test asserts a time."""
