"""The second way in: photos by HTTP, through the same pipeline."""
