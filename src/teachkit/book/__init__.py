"""The tools that build the book: Sphinx extensions, records of runs, checks of the built pages."""
