"""The items of sheet 5 on what a network predicts: four targets, the ideal denoiser, the weights of the loss."""

from __future__ import annotations

import numpy as np

from teachkit.diffusion_schedule import Schedule, linear_schedule
from teachkit.grading.kinds import Curve, Derivation, Expression, TrueFalse, Wrong
from teachkit.grading.kinds.base import Data

# --- one prediction in four forms ----------------------------------------------------------------

_PLACES = {"x": (-3.0, 3.0), "q": (0.05, 0.95)}


def _formula(value: str, letter: str, **slips: str) -> Expression:
    """Return the check of a formula in x, q and one more letter; the slips are given as message by formula."""
    wrong = [Wrong(formula, message) for message, formula in slips.items()]
    return Expression(value=value, variables={**_PLACES, letter: (-2.0, 2.0)}, wrong=wrong)


FOUR_TARGETS = Derivation(
    steps={
        "x0_from_noise": _formula("(x - sqrt(1 - q)*e)/sqrt(q)", "e", **{
            "The noise has the wrong sign: it was added, so it comes off.": "(x + sqrt(1 - q)*e)/sqrt(q)",
            "You multiply by the root where you should divide: x0 was made smaller on the way.":
                "(x - sqrt(1 - q)*e)*sqrt(q)",
            "The division is missing: x0 was made smaller on the way.": "x - sqrt(1 - q)*e",
            "The roots are missing: q and 1 - q are shares of the variance.": "(x - (1 - q)*e)/q",
            "The root before the noise is missing.": "(x - (1 - q)*e)/sqrt(q)",
            "You divide by q; it was its root that x0 was multiplied by.": "(x - sqrt(1 - q)*e)/q",
            "The whole difference is divided: put brackets around it.": "x - sqrt(1 - q)*e/sqrt(q)",
            "You have exchanged the two factors.": "(x - sqrt(q)*e)/sqrt(1 - q)",
        }),
        "score_from_x0": _formula("-(x - sqrt(q)*y)/(1 - q)", "y", **{
            "The sign: the score points to where the density is larger, and that is towards the mean.":
                "(x - sqrt(q)*y)/(1 - q)",
            "That is the noise. The score has its opposite sign and another unit.": "(x - sqrt(q)*y)/sqrt(1 - q)",
            "That is the noise with the opposite sign. Once more it has to be divided.":
                "-(x - sqrt(q)*y)/sqrt(1 - q)",
            "The division by the variance is missing: for little noise the score is large.": "-(x - sqrt(q)*y)",
            "The mean of x is not y itself.": "-(x - y)/(1 - q)",
            "The mean of x has a root.": "-(x - q*y)/(1 - q)",
            "You divide by the variance of the signal.": "-(x - sqrt(q)*y)/q",
            "That is the score of the standard normal law at x. The law of x given x0 is asked for.": "-x",
        }),
        "v_from_noise": _formula("(e - sqrt(1 - q)*x)/sqrt(q)", "e", **{
            "You put x where x0 belongs. First say what x0 is.": "sqrt(q)*e - sqrt(1 - q)*x",
            "The sign of x: for a given noise a larger x means a larger x0, and x0 stands in v with a minus.":
                "(e + sqrt(1 - q)*x)/sqrt(q)",
            "The division at the end is missing.": "e - sqrt(1 - q)*x",
            "The roots are missing.": "(e - (1 - q)*x)/q",
            "The x0 of v is not yet replaced by x and the noise.": "sqrt(q)*e",
            "The overall sign: for q near 1, v is nearly the noise.": "(sqrt(1 - q)*x - e)/sqrt(q)",
            "The factors are exchanged.": "(e - sqrt(q)*x)/sqrt(1 - q)",
            "Collect the two terms with the noise: q + (1 - q) is 1.": "(q*e - sqrt(1 - q)*x)/sqrt(q)",
            "The minus before x0 holds for its noise, too: two minus signs make a plus.":
                "sqrt(q)*e - sqrt(1 - q)*x/sqrt(q) - (1 - q)*e/sqrt(q)",
        }),
        "score_from_v": _formula("-x - sqrt(q)*v/sqrt(1 - q)", "v", **{
            "The sign: where the noise is large and positive, the score is negative.":
                "x + sqrt(q)*v/sqrt(1 - q)",
            "That is the noise.": "sqrt(1 - q)*x + sqrt(q)*v",
            "That is the noise with the opposite sign. A division is missing.": "-(sqrt(1 - q)*x + sqrt(q)*v)",
            "The sign of v: for q near 1, v is nearly the noise.": "-x + sqrt(q)*v/sqrt(1 - q)",
            "You treat v as if it were the noise.": "-v/sqrt(1 - q)",
            "You divide by the variance; by then one factor of the standard deviation is in the noise already.":
                "-(sqrt(1 - q)*x + sqrt(q)*v)/(1 - q)",
            "You have put in x0 where the noise belongs.": "-(sqrt(q)*x - sqrt(1 - q)*v)/sqrt(1 - q)",
            "The roots are missing.": "-x - q*v/(1 - q)",
        }),
        "x0_from_score": _formula("(x + (1 - q)*g)/sqrt(q)", "g", **{
            "The sign: a step along the score leads to where the data are.": "(x - (1 - q)*g)/sqrt(q)",
            "You take the score for the noise.": "(x - sqrt(1 - q)*g)/sqrt(q)",
            "The noise is the score times a standard deviation, and it enters with another one.":
                "(x + sqrt(1 - q)*g)/sqrt(q)",
            "The standard deviation is to be multiplied here, not divided by.": "(x + g/sqrt(1 - q))/sqrt(q)",
            "The division is missing: x0 was made smaller on the way.": "x + (1 - q)*g",
            "You divide by q; it was its root that x0 was multiplied by.": "(x + (1 - q)*g)/q",
            "One factor of the standard deviation is missing.": "(x + g)/sqrt(q)",
        }),
    },
)  # fmt: skip

# --- two points ----------------------------------------------------------------------------------

_ODDS = "(sqrt(q)*c*x - q*c**2/2)/(1 - q)"


def _found(odds: str = _ODDS, share: str = "sigmoid({})") -> str:
    """Return the noise for log-odds of the point c, or for another share of it."""
    return f"(x - sqrt(q)*c*{share.format(odds)})/sqrt(1 - q)"


IDEAL = Expression(
    value=_found(),
    variables={"x": (-1.5, 2.5), "q": (0.1, 0.9), "c": (0.5, 2.0)},
    wrong=[
        Wrong(f"c*sigmoid({_ODDS})", "That is the mean of x0 given x. Which noise leads from there to x?"),
        Wrong(f"x - sqrt(q)*c*sigmoid({_ODDS})", "The division at the end is missing: in x the noise stands with its "
              "factor."),
        Wrong(f"(x - sqrt(q)*c*sigmoid({_ODDS}))/(1 - q)", "You divide by the variance of the noise; its factor in x "
              "is the root."),
        Wrong(f"(sqrt(q)*c*sigmoid({_ODDS}) - x)/sqrt(1 - q)", "The sign: the noise is what x has more than the "
              "signal."),
        Wrong(f"(sqrt(q)*c*sigmoid({_ODDS}) - x)/(1 - q)", "That is the score of the law of x. The noise is asked "
              "for."),
        Wrong(f"(x - c*sigmoid({_ODDS}))/sqrt(1 - q)", "You take off x0 itself. In x it stands with a factor."),
        Wrong(_found("sqrt(q)*c*x/(1 - q)"), "In the exponents the square of the place is missing. Halfway between the "
              "two places both points must be equally likely."),
        Wrong(_found("(sqrt(q)*c*x + q*c**2/2)/(1 - q)"), "A sign in the exponents: halfway between the two places "
              "both points must be equally likely."),
        Wrong(_found("(sqrt(q)*c*x - q*c**2)/(1 - q)"), "A factor 1/2 in the exponents: halfway between the two places "
              "both points must be equally likely."),
        Wrong(_found("(sqrt(q)*c*x - c**2/2)/(1 - q)"), "By step t the point has moved, also in the square of its "
              "place."),
        Wrong(_found("(c*x - c**2/2)/(1 - q)"), "In your weights the point still stands at c. By step t it has moved "
              "towards 0."),
        Wrong(_found("sqrt(q)*c*x - q*c**2/2"), "In the weights the variance of the noise is missing. For little noise "
              "they must tell the two points apart sharply."),
        Wrong(_found("(sqrt(q)*c*x - q*c**2/2)/sqrt(1 - q)"), "In the exponent of the normal density stands the "
              "variance, not the standard deviation."),
        Wrong(_found(f"2*{_ODDS}"), "Your exponents are twice as large as those of the normal density."),
        Wrong(_found(f"-{_ODDS}"), "You give the point c the probability of the point 0."),
        Wrong(_found(share="tanh({})"), "tanh belongs to points at c and -c. Here the other point adds nothing to the "
              "mean."),
        Wrong(_found("sqrt(q)*c*x/(1 - q)", "tanh({})"), "That is for points at c and -c. Here the other point is 0."),
        Wrong("(x - q*c*sigmoid((q*c*x - q**2*c**2/2)/(1 - q)))/sqrt(1 - q)", "By step t the point is at sqrt(q)*c; "
              "you leave the root out."),
        Wrong(_found(share="exp({})"), "That is how much more likely c is than 0, not its probability: divide by the "
              "sum."),
        Wrong(_found("1", "0.5"), "You put the mean of the two points in the place of x0. x tells which of them is "
              "more likely."),
        Wrong(_found("1", "1"), "That is the noise if x0 were c. It may also be 0."),
        Wrong("x/sqrt(1 - q)", "That is the noise if x0 were 0. It may also be c."),
    ],
)  # fmt: skip

# --- what the simple loss leaves out -------------------------------------------------------------

LAST = 80


def schedule_of(data: Data) -> Schedule:
    """Return a student's schedule of 80 steps."""
    return linear_schedule(LAST, data["b1"], data["bT"])


def _weight(x: np.ndarray, data: Data, slip: str = "") -> np.ndarray:
    """Return the weight of each step, with one of some slips; NaN where there is no such step."""
    schedule = schedule_of(data)
    t = np.rint(x).astype(int) + {"one on": 1, "one back": -1}.get(slip, 0)
    out = np.full(t.shape, np.nan)
    inside = (t >= 1) & (t <= LAST)
    t = t[inside]
    alpha, beta, abar, before = schedule.alpha[t], schedule.beta[t], schedule.abar[t], schedule.abar[t - 1]
    with np.errstate(divide="ignore"):
        out[inside] = {
            "": beta / (2 * alpha * (1 - abar)),
            "one on": beta / (2 * alpha * (1 - abar)),
            "one back": beta / (2 * alpha * (1 - abar)),
            "posterior": beta**2 / (2 * schedule.posterior_variance[t] * alpha * (1 - abar)),
            "no half": beta / (alpha * (1 - abar)),
            "no alpha": beta / (2 * (1 - abar)),
            "root of alpha": beta / (2 * np.sqrt(alpha) * (1 - abar)),
            "abar for alpha": beta / (2 * abar * (1 - abar)),
            "no variance": beta**2 / (2 * alpha * (1 - abar)),
            "no square": 1 / (2 * alpha * (1 - abar)),
            "signal": beta / (2 * alpha * abar),
            "root of noise": beta / (2 * alpha * np.sqrt(1 - abar)),
            "deviation": beta**1.5 / (2 * alpha * (1 - abar)),
            "no bar": 1 / (2 * alpha),
            "of x0": beta * before / (2 * (1 - abar) ** 2),
        }[slip]
    return np.where(np.isfinite(out), out, np.nan)


def _slip(name: str, message: str) -> Wrong:
    return Wrong(lambda x, data: _weight(x, data, name), message)


WEIGHT = Curve(
    value=_weight,
    domain=(1, LAST),
    points=LAST,  # every step, the first one as well
    draw=lambda draw: {"b1": draw.choice((0.002, 0.004, 0.005, 0.008)), "bT": draw.choice((0.12, 0.15, 0.18, 0.24))},
    wrong=[
        _slip("posterior", "Either abar is that of the step before, or you divide by the variance of x_(t-1) given x_t "
              "and x_0. Here the steps back have the variance beta_t."),
        _slip("no half", "Twice too large: the divergence of two normal laws of equal variance has a factor in front."),
        _slip("no alpha", "alpha_t is missing: the mean of the step back holds the noise divided by its root."),
        _slip("root of alpha", "The difference of the means is squared, and so is the root of alpha_t in it."),
        _slip("abar for alpha", "You take abar_t where alpha_t belongs: from x_t to x_(t-1) it is a single step."),
        _slip("no bar", "Below the line stands 1 - alpha_t where 1 - abar_t belongs: the noise in x_t is that of all "
              "steps together."),
        _slip("no variance", "You have the square of the difference of the means, up to 1/2. The divergence divides it "
              "by the variance."),
        _slip("no square", "One beta too few: beta_t stands in the difference of the means, which is squared."),
        _slip("signal", "Below the line you take abar_t; the noise in x_t has the factor sqrt(1 - abar_t)."),
        _slip("root of noise", "The difference of the means is squared, and so is the root of 1 - abar_t in it."),
        _slip("deviation", "You divide by the standard deviation; the divergence divides by the variance."),
        _slip("one on", "Your weights are those of the step after: in a Python list the first beta has the number 0."),
        _slip("one back", "Your weights are those of the step before; check which beta the first entry is."),
        _slip("of x0", "That is the weight of an error in x0. The error in the noise is asked for."),
        Wrong(lambda x, data: np.ones_like(x), "That is the weight in the simple loss. The one in the bound is asked "
              "for."),
    ],
)  # fmt: skip

DROPPED = TrueFalse(
    truth=False,
    right="d",
    because="Each place and each step has a mean square of its own, and a positive factor does not move its minimum.",
    otherwise="Take two steps and a network that is a table with one entry for each pair (x_t, t). Double the weight "
    "of the second step. Which entries change?",
    why={
        "a": "The simple loss has weight 1 at every step, not 0. Does a factor other than 1 move the minimum of a mean "
        "square?",
        "b": "The values of the two losses differ. Do the places of their minima?",
        "c": "The weights are far from 1, and they differ by more than a factor of two from step to step.",
        "e": "That holds for a network that is too small. The claim is about one that can represent everything.",
        "f": "The variances of the steps back are not changed at all: they are fixed, and the claim is about "
        "the denoiser.",
    },
)
