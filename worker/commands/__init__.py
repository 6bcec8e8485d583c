"""The commands of `python -m worker`, one per file.

A command imports heavy libraries when it runs: reporting bad settings, or stopping, must not wait for
TensorFlow, and `health` must not wait for boto3.
"""
