"""Tables, pictures and pages of the measurements."""
