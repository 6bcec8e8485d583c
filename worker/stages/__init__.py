"""The three stages, one file each; a stage knows neither the others nor an adapter."""
