"""Scripts that build the data files of the package; not needed to use it."""
