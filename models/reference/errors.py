"""What can go wrong with the recipe; each subclass stands where it is raised."""


class RecipeError(Exception):
    """The reference model cannot be built from what is there. The message says why."""
