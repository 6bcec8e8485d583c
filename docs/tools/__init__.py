"""Writes the generated parts of the documents: tables and pictures."""
