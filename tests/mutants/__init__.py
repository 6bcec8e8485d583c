"""`make mutants`: plants faults in the code and sees whether the tests notice."""
