"""The commands of `python -m worker`, one a file: NAME, HELP, `add_arguments`, and `run`, which gives the exit code.

They import what they need when they run: bad settings and a stop must not wait for TensorFlow, nor health for boto3.
"""
