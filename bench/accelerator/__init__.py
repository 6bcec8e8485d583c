"""A simulated accelerator: does the worker keep it busy?"""
