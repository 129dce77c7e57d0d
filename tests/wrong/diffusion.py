"""Answers that students give to sheet 5: wrong ones with a piece of their message, and right ones."""

from fractions import Fraction
from math import prod, sqrt

import numpy as np


def changed(right, **wrong):
    """Yield the right answers with one step replaced, by step: pairs of a wrong answer and a piece of its message."""
    for step, pairs in wrong.items():
        yield from (({**right, step: answer}, piece) for answer, piece in pairs)


def kernel_parts(betas, abar, x0):
    a1, a2, a3 = (1 - b for b in betas)
    a, s = sqrt(abar), sqrt(1 - abar)
    return {
        "abar": [
            (betas[0] * betas[1] * betas[2], "You multiply the betas"),
            (1 - betas[0] - betas[1] - betas[2], "You take all betas off 1"),
            (1 - prod(betas), "the product of the betas off 1"),
            (a3, "the share that the last step keeps"),
            (a1 * a2, "That is abar_2"),
            (a, "That is its root"),
            (1 - abar, "what the signal has lost"),
        ],
        "mean": [
            (abar * x0, "You multiply x0 by abar itself"),
            (sqrt(a3) * x0, "only the last step"),
            (s * x0, "belongs before the noise"),
            (x0, "does not come through"),
            (sqrt(a1 * a2) * x0, "the mean after two steps"),
            (sqrt(prod(betas)) * x0, "if it is right by now"),
        ],
        "std": [
            (1 - abar, "the standard deviation is asked for"),
            (sqrt(betas[2]), "the noise of the last step alone"),
            (1 - a, "their squares do"),
            (sqrt(sum(betas)), "You add up the variances"),
            (sum(map(sqrt, betas)), "do not add up"),
            (a, "belongs before x0"),
            (sqrt(1 - a1 * a2), "after two steps"),
        ],
    }


def kernel_by_hand(data):
    betas, x0, eps = data["beta"], data["x0"], data["eps"]
    a1, a2, a3 = (1 - b for b in betas)
    abar = a1 * a2 * a3
    a, s = sqrt(abar), sqrt(1 - abar)
    right = {"abar": abar, "mean": a * x0, "std": s, "x3": a * x0 + s * eps, "snr": abar / (1 - abar)}
    wrong = changed(
        right,
        **kernel_parts(betas, abar, x0),
        x3=[
            (abar * x0 + (1 - abar) * eps, "The roots are missing"),
            (a * x0 + (1 - abar) * eps, "You multiply the noise by its variance"),
            (abar * x0 + s * eps, "You multiply x0 by abar"),
            (s * x0 + a * eps, "You have exchanged the two"),
            (sqrt(a3) * x0 + sqrt(betas[2]) * eps, "beta where abar belongs"),
            (a * x0 - s * eps, "The noise is added"),
            (x0 + s * eps, "leave x0 as it was"),
            (a * x0 + eps, "a factor of its own"),
        ],
        snr=[
            (a / s, "the ratio of the two factors"),
            ((1 - abar) / abar, "noise to signal"),
            ((a * x0 / s) ** 2, "Here x0 does not belong"),
            (abar / betas[2], "the noise of the last step alone"),
            (abar, "the signal's part"),
        ],
    )
    texts = {"abar": f"{a1}*{a2}*{a3}", "mean": f"sqrt({abar})*{x0}", "std": f"sqrt(1 - {abar})"}
    texts |= {"x3": f"{right['x3']:.6f}", "snr": f"{abar}/(1 - {abar})"}
    return list(wrong), [right, list(right.values()), texts, {k: np.float32(x) for k, x in right.items()}]


def posterior_parts(b2, b3, one, two, three, var, w0, w3):
    return {
        "variance": [
            (sqrt(var), "the variance is asked for"),
            (b3, "the variance of the step forward"),
            (b3 * (1 - three) / (1 - two), "the other way up"),
            (b2 * (1 - one) / (1 - two), "t is off by one everywhere"),
            (b2, "the bars are missing"),
            (b2 * (1 - two) / (1 - three), "You take beta_2"),
            (1 - two, "x3 is not used"),
            (b3 * two / three, "not those of the signal"),
            (b3 + 1 - two, "add up their precisions"),
        ],
        "weight_x0": [
            (two * b3 / (1 - three), "The root of abar_2"),
            (sqrt(three) * b3 / (1 - three), "You take abar_3 where"),
            (sqrt(two) * b3 / (1 - two), "t is off by one"),
            (sqrt(two) * b3, "The division is missing"),
            (sqrt(two) * sqrt(b3) / (1 - three), "without a root"),
            (sqrt(two), "if x3 told nothing"),
            (sqrt(1 - b2), "the bars are missing"),
            (sqrt(one) * b2 / (1 - two), "off by one everywhere"),
            (w3, "the weight of x3"),
        ],
        "weight_x3": [
            ((1 - b3) * (1 - two) / (1 - three), "The root of alpha_3"),
            ((1 - two) / (1 - three), "the step shrinks by"),
            (sqrt(three) * (1 - two) / (1 - three), "You take abar_3 where"),
            (sqrt(1 - b3) * (1 - three) / (1 - two), "the other way up"),
            (sqrt(1 - b3) * (1 - two), "The division is missing"),
            (sqrt(1 - b3) * b2 / b3, "the bars are missing"),
            (sqrt(1 - b2) * (1 - one) / (1 - two), "off by one everywhere"),
            (w0, "the weight of x0"),
        ],
    }


def back_one_step(data):
    (b1, b2, b3), x0, x3 = data["beta"], data["x0"], data["x3"]
    one, two = 1 - b1, (1 - b1) * (1 - b2)
    three = two * (1 - b3)
    var = b3 * (1 - two) / (1 - three)
    w0, w3 = sqrt(two) * b3 / (1 - three), sqrt(1 - b3) * (1 - two) / (1 - three)
    right = {"variance": var, "weight_x0": w0, "weight_x3": w3, "mean": w0 * x0 + w3 * x3}
    wrong = changed(
        right,
        **posterior_parts(b2, b3, one, two, three, var, w0, w3),
        mean=[
            (w3 * x0 + w0 * x3, "You have exchanged"),
            (sqrt(two) * x0, "x3 is not used"),
            (x3 / sqrt(1 - b3), "takes none of its noise out"),
            ((w0 * x0 + w3 * x3) / (w0 + w3), "need not sum to 1"),
            (sqrt(three) * b3 / (1 - three) * x0 + w3 * x3, "mend that one first"),
        ],
    )
    precise = 1 / ((1 - b3) / b3 + 1 / (1 - two))  # by completing the square
    square = {
        "variance": precise,
        "weight_x0": precise * sqrt(two) / (1 - two),
        "weight_x3": precise * sqrt(1 - b3) / b3,
        "mean": precise * (sqrt(two) * x0 / (1 - two) + sqrt(1 - b3) * x3 / b3),
    }
    return list(wrong), [right, square, tuple(right.values()), {k: f"{x:.7f}" for k, x in right.items()}]


FOUR_SLIPS = {
    "x0_from_noise": [
        ("(x + (1-q)**0.5*e)/q**0.5", "The noise has the wrong sign"),
        ("sqrt(q)*x - sqrt(q*(1-q))*e", "where you should divide"),
        ("x - sqrt(1-q)*e", "The division is missing"),
        ("(x - (1-q)*e)/q", "The roots are missing"),
        ("x - sqrt(1-q)*e/sqrt(q)", "put brackets around it"),
        ("(x - e*sqrt(1-q))/q", "You divide by q"),
        ("(x - sqrt(q)*e)/sqrt(1-q)", "You have exchanged"),
    ],
    "score_from_x0": [
        ("(x - sqrt(q)*y)/(1-q)", "that is towards the mean"),
        ("(x - sqrt(q)*y)/sqrt(1-q)", "That is the noise. The score"),
        ("-(x - sqrt(q)*y)/sqrt(1-q)", "Once more it has to be divided"),
        ("sqrt(q)*y - x", "The division by the variance"),
        ("(y - x)/(1-q)", "not y itself"),
        ("(q*y - x)/(1-q)", "The mean of x has a root"),
        ("-x", "standard normal law at x"),
    ],
    "v_from_noise": [
        ("sqrt(q)*e - sqrt(1-q)*x", "You put x where x0 belongs"),
        ("(e + sqrt(1-q)*x)/sqrt(q)", "The sign of x"),
        ("e - sqrt(1-q)*x", "The division at the end"),
        ("(e - (1-q)*x)/q", "The roots are missing"),
        ("sqrt(q)*e", "is not yet replaced"),
        ("sqrt(q)*e - sqrt(1-q)*(x + sqrt(1-q)*e)/sqrt(q)", "two minus signs make a plus"),
        ("(e - sqrt(q)*x)/sqrt(1-q)", "The factors are exchanged"),
    ],
    "score_from_v": [
        ("x + sqrt(q)*v/sqrt(1-q)", "the score is negative"),
        ("sqrt(1-q)*x + sqrt(q)*v", "That is the noise"),
        ("-sqrt(1-q)*x - sqrt(q)*v", "A division is missing"),
        ("-v/sqrt(1-q)", "as if it were the noise"),
        ("sqrt(q)*v/sqrt(1-q) - x", "The sign of v"),
        ("-x/sqrt(1-q) - sqrt(q)*v/(1-q)", "You divide by the variance"),
        ("v - sqrt(q)*x/sqrt(1-q)", "You have put in x0"),
    ],
    "x0_from_score": [
        ("(x - (1-q)*g)/sqrt(q)", "The sign: a step along"),
        ("(x - sqrt(1-q)*g)/sqrt(q)", "You take the score for the noise"),
        ("x/sqrt(q) + sqrt(1-q)*g/sqrt(q)", "it enters with another one"),
        ("(x + g/sqrt(1-q))/sqrt(q)", "to be multiplied here"),
        ("x + (1-q)*g", "The division is missing"),
        ("(x + (1-q)*g)/q", "You divide by q"),
    ],
}


def four_targets(data):
    right = {
        "x0_from_noise": "(x - sqrt(1-q)*e)/sqrt(q)",
        "score_from_x0": "(sqrt(q)*y - x)/(1-q)",
        "v_from_noise": "(e - sqrt(1-q)*x)/sqrt(q)",
        "score_from_v": "-x - sqrt(q/(1-q))*v",
        "x0_from_score": "(x + (1-q)*g)/sqrt(q)",
    }
    wrong = changed(right, **FOUR_SLIPS)
    other = {
        "x0_from_noise": "x*q**(-1/2) - e*sqrt(1/q - 1)",
        "score_from_x0": "-((x - sqrt(q)*y)/sqrt(1-q))/sqrt(1-q)",
        "v_from_noise": "sqrt(q)*e - sqrt(1-q)*(x - sqrt(1-q)*e)/sqrt(q)",
        "score_from_v": "-(sqrt(1-q)*x + sqrt(q)*v)/sqrt(1-q)",
        "x0_from_score": "(x + g - q*g)/sqrt(q)",
    }
    through = {**other, "x0_from_score": "(x - sqrt(1-q)*(-sqrt(1-q)*g))/sqrt(q)"}
    return list(wrong), [right, other, through, list(right.values())]


def ideal_between_two(data):
    u = "(sqrt(q)*c*x/(1-q) - q*c**2/(2*(1-q)))"
    wrong = [
        (f"c*sigmoid{u}", "the mean of x0 given x"),
        (f"x - sqrt(q)*c*sigmoid{u}", "The division at the end"),
        (f"(x - sqrt(q)*c*sigmoid{u})/(1-q)", "You divide by the variance"),
        (f"(sqrt(q)*c*sigmoid{u} - x)/sqrt(1-q)", "The sign: the noise is"),
        (f"(sqrt(q)*c*sigmoid{u} - x)/(1-q)", "the score of the law"),
        (f"(x - c*sigmoid{u})/sqrt(1-q)", "You take off x0 itself"),
        ("(x - sqrt(q)*c*sigmoid(sqrt(q)*c*x/(1-q)))/sqrt(1-q)", "the square of the place is missing"),
        ("(x - sqrt(q)*c*sigmoid((sqrt(q)*c*x + q*c**2/2)/(1-q)))/sqrt(1-q)", "A sign in the exponents"),
        ("(x - sqrt(q)*c*sigmoid(sqrt(q)*c*(x - sqrt(q)*c)/(1-q)))/sqrt(1-q)", "A factor 1/2 in the exponents"),
        ("(x - sqrt(q)*c*sigmoid(c*(x - c/2)/(1-q)))/sqrt(1-q)", "moved towards 0"),
        ("(x - sqrt(q)*c*sigmoid(sqrt(q)*c*x - q*c**2/2))/sqrt(1-q)", "the variance of the noise is missing"),
        (f"(x - sqrt(q)*c*sigmoid({u}*sqrt(1-q)))/sqrt(1-q)", "stands the variance, not"),
        (f"(x - sqrt(q)*c*sigmoid(2*{u}))/sqrt(1-q)", "twice as large"),
        (f"(x - sqrt(q)*c/(1 + exp{u}))/sqrt(1-q)", "the probability of the point 0"),
        (f"(x - sqrt(q)*c*tanh{u})/sqrt(1-q)", "points at c and -c"),
        ("(x - sqrt(q)*c*tanh(sqrt(q)*c*x/(1-q)))/sqrt(1-q)", "for points at c and -c"),
        ("(x - q*c*sigmoid(q*c*(x - q*c/2)/(1-q)))/sqrt(1-q)", "you leave the root out"),
        (f"(x - sqrt(q)*c*exp{u})/sqrt(1-q)", "divide by the sum"),
        ("(x - sqrt(q)*c/2)/sqrt(1-q)", "the mean of the two points"),
        ("(x - sqrt(q)*c)/sqrt(1-q)", "if x0 were c"),
        ("x/sqrt(1-q)", "if x0 were 0"),
    ]
    weights = "exp(-(x - sqrt(q)*c)**2/(2*(1-q)))", "exp(-x**2/(2*(1-q)))"
    right = [
        f"(x - sqrt(q)*c*sigmoid{u})/sqrt(1-q)",
        f"x/sqrt(1-q) - sqrt(q/(1-q))*c*{weights[0]}/({weights[0]} + {weights[1]})",
        f"(x - sqrt(q)*c/(1 + exp(-{u})))*(1-q)**(-0.5)",
        f"(x - sqrt(q)*c*(1 + tanh({u}/2))/2)/sqrt(1-q)",
    ]
    return wrong, right


def weight_of_a_step(data):
    beta = np.linspace(data["b1"], data["bT"], 80)
    alpha, t = 1 - beta, np.arange(1, 81)
    abar = np.cumprod(alpha)
    before = np.append(1.0, abar[:-1])
    w = beta**2 / (2 * beta * alpha * (1 - abar))
    with np.errstate(divide="ignore"):
        small = beta * (1 - before) / (1 - abar)
        small[0] = beta[0]
    lacking = beta[1:] / (2 * alpha[1:] * (1 - before[1:]))
    wrong = [
        ((t, beta**2 / (2 * small * alpha * (1 - abar))), "Either abar is that of the step before"),
        ((t, 2 * w), "Twice too large"),
        ((t, w * alpha), "alpha_t is missing"),
        ((t, w * np.sqrt(alpha)), "so is the root of alpha_t"),
        ((t, beta / (2 * abar * (1 - abar))), "You take abar_t where"),
        ((t, np.append(lacking[:1], lacking)), "or you divide by the variance"),
        ((t, w * beta), "The divergence divides it by the variance"),
        ((t, w / beta), "One beta too few"),
        ((t, beta / (2 * alpha * abar)), "Below the line you take abar_t"),
        ((t, w * np.sqrt(1 - abar)), "so is the root of 1 - abar_t"),
        ((t, w * np.sqrt(beta)), "You divide by the standard deviation"),
        ((t, np.append(w[1:], w[-1])), "those of the step after"),
        ((t, np.append(w[0], w[:-1])), "those of the step before"),
        ((t, np.ones(80)), "the weight in the simple loss"),
        ((t, beta * before / (2 * (1 - abar) ** 2)), "the weight of an error in x0"),
        ((t, beta / (2 * alpha * (1 - alpha))), "1 - alpha_t where"),
        ((t[1:], w[1:]), "yours reaches from x = 2"),
        ((t, -w), "The size is right, the sign"),
    ]
    return wrong, [(t, w), [list(range(1, 81)), w.tolist()], (t[::-1].astype(float), w[::-1]), (t, np.float32(w))]


def dropped_weights(data):
    wrong = [
        ((True, "a"), "Double the weight of the second step"),
        ((True, "d"), "Which entries change"),
        ((False, "a"), "a factor other than 1"),
        ((False, "b"), "Do the places of their minima"),
        ((False, "(c)"), "more than a factor of two"),
        (("false", "E"), "a network that is too small"),
        ((False, "f"), "The variances of the steps back are not"),
    ]
    return wrong, [(False, "d"), [False, "D"], ("no", "(d)"), (bool(Fraction(0)), "d.")]
