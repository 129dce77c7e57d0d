"""The item of sheet 5 on guidance: between two normal laws everything is known."""

from __future__ import annotations

from teachkit.grading.kinds import Choice, Derivation, Expression, Number, Wrong

_LAWS = {"m": (0.3, 2.0), "v": (0.15, 0.85), "r": (1.0, 2.0), "w": (0.3, 6.0)}

GUIDED = Derivation(
    draw=lambda draw: {"u": draw.choice((1.5, 2.5, 3.5, 4.5, 6.5))},
    steps={
        "w": Number(
            value=lambda data: data["u"] + 1,
            wrong=[
                Wrong(lambda data: data["u"], "The letters differ in meaning. Put u = 0 and w = 0 into the two "
                      "formulas: do they give the same?"),
                Wrong(lambda data: data["u"] - 1, "One off, to the wrong side. Sort the paper's formula by the two "
                      "denoisers, and compare."),
                Wrong(lambda data: -data["u"], "That is the factor of the denoiser without a label in the paper."),
                Wrong(lambda data: 1 / data["u"], "Nothing is divided. Compare the factors of the denoiser with the "
                      "label."),
                Wrong(lambda data: 1 + 2 * data["u"], "The difference of the two factors is not asked for. Compare the "
                      "factors of the denoiser with the label alone."),
            ],
        ),
        "variance": Expression(
            value="v*r/(v + w*(r - v))",
            variables=_LAWS,
            wrong=[
                Wrong("v/w", "That is p(x | y) to the power w. The factor p(x)^(1 - w) counts, too."),
                Wrong("1/(1/r + w/v)", "You multiply p(x) by p(x | y)^w. In the density, p(x) has the power 1 - w."),
                Wrong("v*r/(v + (1 + w)*(r - v))", "That is with w + 1 in the place of w: the paper's way to count."),
                Wrong("w*v + (1 - w)*r", "You mix the variances. In the logarithm of a normal density stands "
                      "1/variance."),
                Wrong("w/v + (1 - w)/r", "That is 1/variance.", 0.5),
                Wrong("sqrt(v*r/(v + w*(r - v)))", "That is the standard deviation."),
                Wrong("1/((1 - w)/v + w/r)", "You have exchanged the powers: test w = 1, which must give v."),
                Wrong("1/(w/v - (1 - w)/r)", "The sign of the power 1 - w: test w = 0, which must give r."),
                Wrong("1/(w/v + (w - 1)/r)", "The sign of the power 1 - w: test w = 0, which must give r."),
                Wrong("v", "The variance depends on w. Test w = 0: the label is forgotten, and the law is p(x)."),
            ],
        ),
        "mean": Expression(
            value="w*m*r/(v + w*(r - v))",
            variables=_LAWS,
            wrong=[
                Wrong("w*m", "The slopes of the logarithms are mixed, not the means. Where is the slope 0?"),
                Wrong("m", "That is the mean of p(x | y). Test w = 0."),
                Wrong("w*m/v", "That is the slope of the log-density at 0. Divide by 1/variance."),
                Wrong("m*r/(v + w*(r - v))", "A factor is missing: for w = 0 the mean must be 0."),
                Wrong("w*m*v*r/(v + w*(r - v))", "The mean of p(x | y) enters with its weight w/v, not w."),
                Wrong("w*m*v/(v + w*(r - v))", "The mean of p(x | y) enters with its weight w/v, not w/r."),
                Wrong("(1 + w)*m*r/(v + (1 + w)*(r - v))", "That is with w + 1 in the place of w: the paper's way to "
                      "count."),
                Wrong("(1 - w)*m*r/((1 - w)*r + w*v)", "You have exchanged the powers: test w = 1, which must give m."),
                Wrong("w*m*r/(v + w*r)", "You multiply p(x) by p(x | y)^w. In the density, p(x) has the power 1 - w."),
            ],
        ),
        "price": Choice(
            right="c",
            because="Each sample fits the label better, and the samples resemble each other more.",
            why={
                "a": "Compare your variance for w = 1 and for a large w.",
                "b": "Put w = 1 and a large w into your formula of the mean. Does it stay at m?",
                "d": "Let w grow in your formula of the mean. Does it grow without bound?",
                "e": "For w = 1 the law is that of the label. For larger w it can't be that one, too.",
            },
        ),
    },
)  # fmt: skip
