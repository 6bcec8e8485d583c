"""What other machines would do, reckoned from what was measured on this one."""
