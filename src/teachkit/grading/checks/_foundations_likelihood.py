"""The items of sheet 1 on likelihood: a normal law by hand, a stuck divergence, two exponential laws."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from teachkit.grading.checks._foundations_line import apart
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Derivation, Expression, Number, TrueFalse, Wrong
from teachkit.grading.kinds.base import Data
from teachkit.likelihood import gaussian_kl, gaussian_log_likelihood

# --- four numbers and a normal law -----------------------------------------------------------------

# They sum to 0, and no median is 0: then the mean and the median of the data differ.
_DEVIATIONS = [(-3, 4, 0, -1), (1, -4, 2, 1), (4, -2, -3, 1), (2, 1, -5, 2), (-1, -2, 4, -1), (0, 3, -4, 1)]


def _four(rule: Callable[[np.ndarray], float]) -> Callable[[Data], float]:
    return lambda data: float(rule(np.array(data["x"], float)))


def _at(sigma: Callable[[Data], float], constant: float = 0.5 * math.log(2 * math.pi)) -> Callable[[Data], float]:
    """Return the log-likelihood at the mean of the data and some standard deviation, with a constant of one's own."""

    def value(data: Data) -> float:
        x = np.array(data["x"], float)
        right = float(gaussian_log_likelihood(x, x.mean(), sigma(data)))
        return right + len(x) * (0.5 * math.log(2 * math.pi) - constant)

    return value


def _theirs(sigma: Callable[[float], float] = lambda s: s) -> Callable[[Data], float]:
    return lambda data: float(gaussian_log_likelihood(data["x"], data["mu0"], sigma(data["sigma0"])))


_spread = _four(np.std)
_unbiased = _four(lambda x: np.std(x, ddof=1))
_highest = _at(_spread)


def _gap(data: Data) -> float:
    return _highest(data) - _theirs()(data)


def _other_way(data: Data) -> float:
    return 4 * gaussian_kl(data["mu0"], data["sigma0"], _four(np.mean)(data), _spread(data))


def _from_unbiased(data: Data) -> float:
    return 4 * gaussian_kl(_four(np.mean)(data), _unbiased(data), data["mu0"], data["sigma0"])


def _spread_alone(data: Data) -> float:
    return 4 * gaussian_kl(0, _spread(data), 0, data["sigma0"])


_LOG_LIKELIHOOD = Number(
    value=_highest,
    wrong=[
        Wrong(lambda data: _highest(data) / 4, "This is the mean over the data. The log-likelihood is their sum."),
        Wrong(_at(_spread, constant=0), "The constant of the normal density is missing."),
        Wrong(_at(_spread, constant=math.log(2 * math.pi)), "The constant of the normal density is sqrt(2*pi), and not "
              "2*pi."),
        Wrong(lambda data: _highest(data) - 4 * math.log(_spread(data)), "Before the exponential stands 1/sigma, and "
              "you take 1/sigma**2."),
        Wrong(lambda data: _highest(data) + 4 * math.log(_spread(data)), "The factor 1/sigma before the exponential is "
              "missing, so your densities do not integrate to 1."),
        Wrong(lambda data: _highest(data) + 2, "The exponents are missing: at the maximum the four of them do not sum "
              "to 0."),
        Wrong(_at(_unbiased), "This is the value at the unbiased variance. The likeliest one does better."),
        Wrong(lambda data: _highest(data) - 2 * math.log(4 / 3), "This fits the unbiased variance in the formula for "
              "the likeliest one. That formula, with 1/2 at its end, holds at the likeliest variance alone."),
        Wrong(lambda data: _highest(data) / math.log(10), "This is the logarithm to base 10. Nats need the natural "
              "one."),
        Wrong(lambda data: _highest(data) / math.log(2), "This is in bits; the question asks for nats."),
        Wrong(_at(lambda data: _spread(data) ** 2), "You put the variance where sigma stands. It is the standard "
              "deviation by which a deviation is divided."),
        Wrong(_theirs(), "This is the log-likelihood at the colleague's law; asked for is yours."),
        Wrong(_four(lambda x: np.prod(-0.5 * ((x - x.mean()) / x.std()) ** 2 - np.log(x.std() * math.sqrt(2 * math.pi)))
                    ), "The logarithms are multiplied. The densities have a product; their logarithms have a sum."),
    ],
)  # fmt: skip

_STEPS = {
    "mean": Number(
        value=_four(np.mean),
        wrong=[
            Wrong(_four(np.sum), "This is the sum of the data; divide it by their number."),
            Wrong(_four(np.median), "This is the median. Compare the log-likelihood there and at the mean."),
        ],
    ),
    "variance": Number(
        value=_four(np.var),
        wrong=[
            Wrong(lambda data: _unbiased(data) ** 2, "This is the unbiased estimate, with n - 1. It is not the "
                  "likeliest value."),
            Wrong(_spread, "This is the standard deviation; the variance is asked for."),
            Wrong(_four(lambda x: 4 * x.var()), "This is the sum of the squared deviations; the mean is wanted."),
            Wrong(_four(lambda x: np.mean(x**2)), "These are the squares of the data themselves. Take the deviations "
                  "from the mean first."),
            Wrong(_four(lambda x: np.abs(x - x.mean()).mean()), "These are the sizes of the deviations; the normal "
                  "density has their squares."),
        ],
    ),
    "unbiased": Number(
        value=lambda data: _unbiased(data) ** 2,
        wrong=[
            Wrong(_four(np.var), "This is the likeliest value. On average it is too small: see by which factor."),
            Wrong(_four(lambda x: 0.75 * x.var()), "The factor is applied the wrong way round: the likeliest value is "
                  "too small on average already."),
            Wrong(_unbiased, "This is a standard deviation; the variance is asked for."),
        ],
    ),
    "log_likelihood": _LOG_LIKELIHOOD,
    "gap": Number(
        value=_gap,
        wrong=[
            Wrong(lambda data: _gap(data) / 4, "This is the gap for one number, a divergence. There are four of them."),
            Wrong(_other_way, "This is four times the divergence in the other direction. The average runs over the "
                  "data, so their law stands first."),
            Wrong(lambda data: _other_way(data) / 4, "This is the divergence in the other direction, and for one "
                  "number. The average runs over the data, so their law stands first."),
            Wrong(_theirs(), "This is their log-likelihood itself; asked for is how far it lies below yours."),
            Wrong(lambda data: -_theirs()(data), "This is their log-likelihood without its sign; asked for is how far "
                  "it lies below yours."),
            Wrong(lambda data: _highest(data) - _theirs(math.sqrt)(data), "You take sigma for a variance."),
            Wrong(_spread_alone, "Their mean is wrong too, and that costs something: what are the squared deviations "
                  "from it?"),
            Wrong(lambda data: _at(_unbiased)(data) - _theirs()(data), "This is the gap to the law with the unbiased "
                  "variance, which is not the likeliest."),
            Wrong(_from_unbiased, "This fits the divergence with the unbiased variance; the likelihood of the data "
                  "goes by the likeliest."),
            Wrong(lambda data: math.exp(_gap(data)), "This is the factor between the two likelihoods; asked for is its "
                  "logarithm."),
            Wrong(lambda data: _gap(data) / math.log(2), "This is in bits; the question asks for nats."),
        ],
    ),
}  # fmt: skip


def _four_data(draw: Draw) -> dict[str, object]:
    m, deviations = draw.integer(6, 12), draw.choice(_DEVIATIONS)
    data = {
        "x": [m + step for step in deviations],
        "mu0": m + draw.choice([-2, -1, 1, 2]),
        "sigma0": draw.choice([1.5, 2.0, 3.0, 4.0]),
    }
    return data if all(apart(step, data) for step in _STEPS.values()) else _four_data(draw)


FOUR = Derivation(draw=_four_data, steps=_STEPS)


# --- a value that does not move --------------------------------------------------------------------

STUCK = TrueFalse(
    truth=False,
    right="b",
    why={
        "a": "The smallest value of JS is 0, for two equal laws. log 2 is at the other end of its range.",
        "c": "JS has no direction: exchange the two laws, and the same two terms change places.",
        "d": "Then JS would be below log 2: wherever both laws have mass, their average is nearer to each of them.",
        "e": "KL can be no witness here: while JS is log 2 it is infinite too, and that it was after each of the "
             "fifty epochs.",
        "f": "It is a distance, but between the heights of two densities, place by place. Of the distance from one "
             "place to another it knows nothing, so this would be no reason for either answer.",
        "g": "That would hold for a model that descends on JS. This one is trained by something else, and JS is only "
             "watched. And it would be a reason to call the claim true.",
    },
    otherwise="Let the data be uniform on [0, 1] and the model on [9, 10], and move the model to [2, 3]. What is JS "
              "before and after?",
    because="JS = log 2 says that the two laws have no mass in common. It says so at every distance, so it can't tell "
            "whether the model has come nearer.",
)  # fmt: skip


# --- two exponential laws --------------------------------------------------------------------------

EXPONENTIAL = Expression(
    value="log(b/a) + a/b - 1",
    variables={"a": (0.3, 3.0), "b": (0.3, 3.0)},
    wrong=[
        Wrong("log(a/b) + b/a - 1", "This is KL(q || p), or you read a and b as rates. Here a is the mean of p, and "
              "the average is taken under p."),
        Wrong("log(b/a)", "Only the factors before the exponentials are compared. The exponents differ too; take their "
              "mean under p."),
        Wrong("log(b/a) + a/b", "For a = b this is not 0: the exponent of p itself is missing."),
        Wrong("a/b - 1", "Only the exponents are compared. The factors before the exponentials differ too."),
        Wrong("log(b/a) + b/a - 1", "The mean of x/b under p is upside down: the mean of x is a."),
        Wrong("log(a/b) + a/b - 1", "The logarithm has the wrong sign: log(1/a) - log(1/b) is what the factors "
              "contribute. Try b = 2*a; a divergence is not negative."),
        Wrong("log(b/a) + 1 - a/b", "The exponents have the wrong signs: -x/a belongs to p, which is added, and -x/b "
              "to q, which is subtracted."),
        Wrong("log(a/b) + 1 - a/b", "The quotient is upside down: p stands above and q below. A divergence is not "
              "negative."),
        Wrong("log(b/a) - b/a + 1", "This is the mean of log p - log q under q. The law "
              "that stands first gives the mean."),
        Wrong("log(b) + a/b", "This is the mean of -log q under p. The mean of log p is missing."),
        Wrong("log(b/a) - 1/a**2 + 1/(a*b)", "You take 1/a for the mean of x under p. Here a is the mean, and 1/a the "
              "rate."),
        Wrong("log(b/a) + a**2/(2*b**2) - 1/2", "This is the formula of two normal laws with the same mean. Start from "
              "the two densities that are given."),
        Wrong("(a - b)**2/(a*b)", "This is the sum of the divergences in both directions."),
        Wrong("log(b/a)/log(2) + a/b - 1", "log2 counts in bits, and the rest of your formula in nats. Take the "
              "natural logarithm."),
        Wrong("(log(b/a) + a/b - 1)/log(2)", "This is in bits; the question asks for nats."),
    ],
)  # fmt: skip
