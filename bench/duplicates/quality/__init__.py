"""How well each hash knows a photo again."""
