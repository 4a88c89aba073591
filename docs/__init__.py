"""What draws the generated pages of the documentation; run by ``make docs``."""
