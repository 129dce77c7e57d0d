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
        "x0_from_v": _formula("sqrt(q)*x - sqrt(1 - q)*v", "v", **{
            "The sign: for q near 0, x is all noise, and v is nearly -x0.": "sqrt(q)*x + sqrt(1 - q)*v",
            "That is the noise up to a sign: the factors are exchanged.": "sqrt(1 - q)*x - sqrt(q)*v",
            "That is the noise.": "sqrt(1 - q)*x + sqrt(q)*v",
            "The roots are missing.": "q*x - (1 - q)*v",
            "You treat v as if it were the noise.": "(x - sqrt(1 - q)*v)/sqrt(q)",
            "The overall sign: for q near 1, x is nearly x0.": "sqrt(1 - q)*v - sqrt(q)*x",
        }),
        "noise_from_v": _formula("sqrt(1 - q)*x + sqrt(q)*v", "v", **{
            "The sign of v: for q near 1, v is nearly the noise.": "sqrt(1 - q)*x - sqrt(q)*v",
            "That is x0.": "sqrt(q)*x - sqrt(1 - q)*v",
            "The factors are exchanged.": "sqrt(q)*x + sqrt(1 - q)*v",
            "The roots are missing.": "(1 - q)*x + q*v",
            "You treat v as if it were x0.": "(x - sqrt(q)*v)/sqrt(1 - q)",
            "v holds x0 as well, and that has to be replaced by x and the noise.": "v/sqrt(q)",
        }),
        "score_from_noise": _formula("-e/sqrt(1 - q)", "e", **{
            "The sign: the score points to where the density is larger, and the noise led away from there.":
                "e/sqrt(1 - q)",
            "The division is missing: for little noise the density is narrow and its score large.": "-e",
            "You divide by the variance. One factor of the standard deviation has gone into the noise already.":
                "-e/(1 - q)",
            "You divide by the factor of the signal.": "-e/sqrt(q)",
            "You multiply where you should divide: for little noise the score is large.": "-e*sqrt(1 - q)",
            "That is the score of the standard normal law at x. The law of x given x0 is asked for.": "-x",
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

IDEAL = Expression(
    value="(x - sqrt(q)*c*tanh(sqrt(q)*c*x/(1 - q)))/sqrt(1 - q)",
    variables={"x": (-2.5, 2.5), "q": (0.1, 0.9), "c": (0.5, 2.0)},
    wrong=[
        Wrong("c*tanh(sqrt(q)*c*x/(1 - q))", "That is the mean of x0 given x. Which noise leads from there to x?"),
        Wrong("x - sqrt(q)*c*tanh(sqrt(q)*c*x/(1 - q))", "The division at the end is missing: in x the noise stands "
              "with its factor."),
        Wrong("(x - sqrt(q)*c*tanh(sqrt(q)*c*x/(1 - q)))/(1 - q)", "You divide by the variance of the noise; its "
              "factor in x is the root."),
        Wrong("(sqrt(q)*c*tanh(sqrt(q)*c*x/(1 - q)) - x)/sqrt(1 - q)", "The sign: the noise is what x has more than "
              "the signal."),
        Wrong("-(x - sqrt(q)*c*tanh(sqrt(q)*c*x/(1 - q)))/(1 - q)", "That is the score of the law of x. The noise is "
              "asked for."),
        Wrong("(x - sqrt(q)*c*tanh(sqrt(q)*c*x))/sqrt(1 - q)", "In the weights the variance of the noise is missing. "
              "For little noise they must tell the two points apart sharply."),
        Wrong("(x - sqrt(q)*c*tanh(sqrt(q)*c*x/sqrt(1 - q)))/sqrt(1 - q)", "In the exponent of the normal density "
              "stands the variance, not the standard deviation."),
        Wrong("(x - sqrt(q)*c*tanh(c*x/(1 - q)))/sqrt(1 - q)", "In the weights the points stand at c and -c. By step t "
              "they have moved towards 0."),
        Wrong("(x - sqrt(q)*c*tanh(2*sqrt(q)*c*x/(1 - q)))/sqrt(1 - q)", "A factor 2 too many: for two weights of the "
              "form exp(u) and exp(-u) the difference over the sum is tanh(u)."),
        Wrong("(x - sqrt(q)*c*tanh(sqrt(q)*c*x/(2*(1 - q))))/sqrt(1 - q)", "A factor 2 is missing in the weights: both "
              "squares have a mixed term, with opposite signs."),
        Wrong("(x - c*tanh(sqrt(q)*c*x/(1 - q)))/sqrt(1 - q)", "You take off x0 itself. In x it stands with the factor "
              "sqrt(q)."),
        Wrong("(x - sqrt(q)*c*sigmoid(2*sqrt(q)*c*x/(1 - q)))/sqrt(1 - q)", "You count the point at c with its weight, "
              "and leave out the one at -c."),
        Wrong("x/sqrt(1 - q)", "You put 0, the mean of the two points, in the place of x0. x tells which of them is "
              "more likely."),
        Wrong("(x - sqrt(q)*c*x/abs(x))/sqrt(1 - q)", "You take the nearer point as certain. The mean over both is "
              "asked for."),
        Wrong("(x - sqrt(q)*c)/sqrt(1 - q)", "That is the noise if x0 were c. It may also be -c."),
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
            "of x0": beta * before / (2 * (1 - abar) ** 2),
        }[slip]
    return np.where(np.isfinite(out), out, np.nan)


def _slip(name: str, message: str) -> Wrong:
    return Wrong(lambda x, data: _weight(x, data, name), message)


WEIGHT = Curve(
    value=_weight,
    domain=(1, LAST),
    draw=lambda draw: {"b1": draw.choice((0.002, 0.004, 0.005, 0.008)), "bT": draw.choice((0.12, 0.15, 0.18, 0.24))},
    wrong=[
        _slip("posterior", "Either abar is that of the step before, or you divide by the variance of x_(t-1) given x_t "
              "and x_0. Here the steps back have the variance beta_t."),
        _slip("no half", "Twice too large: the divergence of two normal laws of equal variance has a factor in front."),
        _slip("no alpha", "alpha_t is missing: the mean of the step back holds the noise divided by its root."),
        _slip("root of alpha", "The difference of the means is squared, and so is the root of alpha_t in it."),
        _slip("abar for alpha", "You take abar_t where alpha_t belongs: from x_t to x_(t-1) it is a single step."),
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
        "f": "By which the variances of the steps back are not changed at all; they are fixed, and the claim is about "
        "the denoiser.",
    },
)
