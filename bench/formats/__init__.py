"""What photos cost by their format, and what it changes that embedded thumbnails are decoded."""
