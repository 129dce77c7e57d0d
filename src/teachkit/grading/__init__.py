"""Exercise sheets whose answers check themselves: open one with ``Sheet("name")``; NumPy only.

The student's side is :class:`teachkit.grading.sheet.Sheet`. The kinds of answers are in
``teachkit.grading.kinds``, the expected values of each sheet in ``teachkit.grading.checks``. Whoever
reads these finds answers there: a local check is a help in learning and no examination.
"""

from teachkit.grading.sheet import Sheet

__all__ = ["Sheet"]
