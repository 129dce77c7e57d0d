"""Sheet 1, foundations: likelihood, differential equations, the change of variables, Jacobians."""

from teachkit.grading.checks._foundations_derivations import BY_HAND, RATIO
from teachkit.grading.checks._foundations_functions import DIFFERENCES, PUSHED
from teachkit.grading.checks._foundations_likelihood import EXPONENTIAL, FOUR, STUCK
from teachkit.grading.checks._foundations_line import SQUARE, STRETCHED
from teachkit.grading.checks._foundations_ode import CARRIED, EULER, TABLE

ITEMS = {
    "four-numbers": FOUR,
    "stuck-divergence": STUCK,
    "exponential-divergence": EXPONENTIAL,
    "three-euler-steps": EULER,
    "table-of-errors": TABLE,
    "carried-density": CARRIED,
    "stretched-normal": STRETCHED,
    "squared-normal": SQUARE,
    "ratio-of-normals": RATIO,
    "jacobian-by-hand": BY_HAND,
    "jacobian-by-differences": DIFFERENCES,
    "affine-log-density": PUSHED,
}
