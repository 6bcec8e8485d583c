"""Tables, pictures and pages made of what was measured."""
