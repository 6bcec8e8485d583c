"""Signed requests by libcurl."""
