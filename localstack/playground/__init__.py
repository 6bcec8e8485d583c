"""The playground of `make run`: a page where one sends photos, breaks things and sees that nothing is lost."""
