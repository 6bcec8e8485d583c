"""Decoder processes: what they are confined to, and what becomes of photos that end them."""
