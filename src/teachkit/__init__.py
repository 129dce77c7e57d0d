"""teachkit: the algorithms of the book, one module per chapter, NumPy only.

``teachkit.deep`` holds the torch twins, ``teachkit.book`` the tools that build the book.
"""

__version__ = "0.1.0"
