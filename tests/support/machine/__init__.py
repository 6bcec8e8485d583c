"""Workers made of the real stages, leases and source, on services that Hypothesis drives."""
