"""More answers to sheet 5: steps back, jumps, guidance."""

from math import sqrt

import numpy as np


def changed(right, **wrong):
    """Yield the right answers with one step replaced, by step: pairs of a wrong answer and a piece of its message."""
    for step, pairs in wrong.items():
        yield from (({**right, step: answer}, piece) for answer, piece in pairs)


def step_back(mean=None, spread=None, last=1, first=1, choose=None):
    """Return an answer made of a mean, a size of the noise, the steps without noise and an index shift."""

    def answer(xt, eps, z, t, beta, variance):
        alphas = 1 - beta
        abar = alphas.prod() if t == len(beta) else alphas[:t].prod()
        b, a = beta[t - first], alphas[t - first]
        before = abar / alphas[t - 1]
        kind = choose or variance
        var = b if kind == "beta" else b * (1 - before) / (1 - abar)
        m = mean(xt, eps, a, b, abar) if mean else (xt - b / sqrt(1 - abar) * eps) / sqrt(a)
        return m if t <= last else m + (spread(var) if spread else sqrt(var)) * z

    return answer


def through_x0(xt, eps, z, t, beta, variance):
    abar = np.cumprod(np.append(1, 1 - beta))
    x0 = (xt - np.sqrt(1 - abar[t]) * eps) / np.sqrt(abar[t])
    b = beta[t - 1]
    out = (np.sqrt(abar[t - 1]) * b * x0 + np.sqrt(1 - b) * (1 - abar[t - 1]) * xt) / (1 - abar[t])
    if t == 1:
        return out
    sigma2 = {"beta": b, "posterior": b * (1 - abar[t - 1]) / (1 - abar[t])}[variance]
    return out + np.sqrt(sigma2) * z


def masked(xt, eps, z, t, beta, variance):
    a = np.prod([1 - x for x in beta[:t]])
    p = np.prod([1 - x for x in beta[: t - 1]])
    v = beta[t - 1] * (1 if variance == "beta" else (1 - p) / (1 - a))
    return (xt - beta[t - 1] * eps / (1 - a) ** 0.5) / (1 - beta[t - 1]) ** 0.5 + (t > 1) * v**0.5 * z


def written_over(xt, eps, z, t, beta, variance):
    out = through_x0(xt, eps, z, t, beta, variance)
    xt[:] = out
    return xt


def swapped(xt, eps, z, t, beta, variance):
    return through_x0(xt, eps, z, t, beta, "beta" if variance == "posterior" else "posterior")


def ahead(xt, eps, z, t, beta, variance):
    more = np.append(beta, 0.5)[1:]
    a = np.cumprod(np.append(1 - beta, 0.5))
    b = more[t - 1]
    v = b if variance == "beta" else b * (1 - a[t - 1]) / (1 - a[t])
    return (xt - b / sqrt(1 - a[t]) * eps) / sqrt(1 - b) + sqrt(v) * z


def literal(stop):
    def answer(xt, eps, z, t, beta, variance):
        products = np.cumprod(1.0 - beta)
        out = (xt - beta[t] * eps / (1 - products[t]) ** 0.5) / (1 - beta[t]) ** 0.5
        ratio = 1 if variance == "beta" else (1 - products[t - 1]) / (1 - products[t])
        return out + (t > stop) * (ratio * beta[t]) ** 0.5 * z

    return answer


def walk_back(data):
    wrong = [
        (step_back(last=0), "there you add noise as well"),
        (step_back(last=2), "leave the noise out at t = 2"),
        (step_back(last=99), "You never add z"),
        (step_back(spread=lambda v: v), "You multiply z by the variance"),
        (step_back(choose="beta"), "You use beta_t whatever"),
        (step_back(choose="posterior"), "You use the variance given x0 whatever"),
        (swapped, "You have exchanged the two variances"),
        (step_back(lambda x, e, a, b, c: (x - b / (1 - c) * e) / sqrt(a)), "you leave the root out"),
        (step_back(lambda x, e, a, b, c: (x - sqrt(1 - c) * e) / sqrt(a)), "all the noise out at once"),
        (step_back(lambda x, e, a, b, c: (x - sqrt(b) * e) / sqrt(a)), "the noise of the last step"),
        (step_back(lambda x, e, a, b, c: (x - b * e) / sqrt(a)), "the division by sqrt(1 - abar_t) is missing"),
        (step_back(lambda x, e, a, b, c: (x + b / sqrt(1 - c) * e) / sqrt(a)), "You add the noise that was found"),
        (step_back(lambda x, e, a, b, c: x - b / sqrt(1 - c) * e), "The division by sqrt(alpha_t)"),
        (step_back(lambda x, e, a, b, c: (x - b / sqrt(1 - c) * e) / a), "You divide by alpha_t"),
        (step_back(lambda x, e, a, b, c: (x - b / sqrt(1 - c) * e) / sqrt(c)), "undoes all steps at once"),
        (step_back(lambda x, e, a, b, c: (x - b / sqrt(1 - c) * e) * sqrt(a)), "The step forward did that"),
        (step_back(lambda x, e, a, b, c: x / sqrt(a) - b / sqrt(1 - c) * e), "Look at your brackets"),
        (step_back(lambda x, e, a, b, c: (x - b / sqrt(c) * e) / sqrt(a)), "You divide beta_t by sqrt(abar_t)"),
        (ahead, "the beta of step t+1"),
        (literal(0), "the beta of step t+1"),
        (literal(1), "the beta of step t+1"),
        (lambda x, e, z, t, b, v: (x - sqrt(1 - np.prod(1 - b[:t])) * e) / sqrt(np.prod(1 - b[:t])), "not yet x_{t-1}"),
        (lambda x, e, z, t, b, v: through_x0(x, e, z, t, b, v).mean(), "returns the shape"),
        (written_over, "in place; work on a copy"),
        (lambda x, e, z, t, b, v: (x - b[t] * e) / sqrt(1 - b[t]) + z, "it raised IndexError"),
    ]
    return wrong, [through_x0, masked, step_back(), lambda *x: through_x0(*x).tolist()]


def ddim_factors(at, as_, eta, full, c):
    return {
        "c": [
            (full, "eta is missing"),
            (c**2, "so it is a standard deviation"),
            (sqrt(eta) * full, "You take the root of eta"),
            (eta * sqrt((1 - at) / (1 - as_) * (1 - at / as_)), "The first fraction"),
            (eta * c, "You have eta twice"),
            (eta * sqrt(1 - at / as_), "What is known of x0"),
        ],
        "b": [
            (sqrt(1 - as_), "That is b for eta = 0"),
            (sqrt(1 - as_) - c, "You subtract standard deviations"),
            (1 - as_ - c * c, "a root is missing"),
            (sqrt(1 - c * c), "1 - abar_s, not of 1"),
            (sqrt(1 - at - c * c), "You take abar_t"),
            (sqrt(1 - as_ + c * c), "there must be less of eps"),
        ],
    }


def ddim_step(data):
    at, as_, eta, x, eps, z = (data[k] for k in ("abar_t", "abar_s", "eta", "x", "eps", "z"))
    x0 = (x - sqrt(1 - at) * eps) / sqrt(at)
    full = sqrt((1 - as_) / (1 - at)) * sqrt(1 - at / as_)
    c = eta * full
    b = sqrt(1 - as_ - c**2)
    straight = sqrt(as_) * x0 + sqrt(1 - as_) * eps
    right = {"x0": x0, "straight": straight, "c": c, "b": b, "noisy": sqrt(as_) * x0 + b * eps + c * z}
    other_sign = (x + sqrt(1 - at) * eps) / sqrt(at)
    wrong = changed(
        right,
        x0=[
            (other_sign, "The noise has the wrong sign"),
            ((x - (1 - at) * eps) / at, "Both roots are missing"),
            ((x - sqrt(1 - at) * eps) / at, "You divide by abar_t"),
            ((x - (1 - at) * eps) / sqrt(at), "The root before the noise"),
            (x - sqrt(1 - at) * eps, "The division by the factor"),
            ((x - sqrt(1 - as_) * eps) / sqrt(as_), "You take abar_s"),
        ],
        straight=[
            (sqrt(as_) * x0 + (1 - as_) * eps, "by its variance"),
            (as_ * x0 + sqrt(1 - as_) * eps, "You multiply x0 by abar_s"),
            (as_ * x0 + (1 - as_) * eps, "Both roots are missing"),
            (x, "That is x itself"),
            (sqrt(as_) * x0, "You put no noise back"),
            (sqrt(as_) * x0 + sqrt(1 - as_) * z, "You put fresh noise in"),
            (sqrt(as_) * x0 + sqrt(1 - at) * eps, "all the noise of step t"),
            (sqrt(as_) * x + sqrt(1 - as_) * eps, "x has to be cleaned"),
            (sqrt(as_) * other_sign + sqrt(1 - as_) * eps, "mend that one first"),
        ],
        **ddim_factors(at, as_, eta, full, c),
        noisy=[
            (straight, "the point for eta = 0"),
            (straight + c * z, "You add z on top"),
            (sqrt(as_) * x0 + b * eps, "z is missing"),
            (sqrt(as_) * x0 + c * eps + b * z, "You have exchanged b and c"),
            (sqrt(as_) * x0 + b * eps - c * z, "z enters with its own sign"),
            (sqrt(as_) * other_sign + b * eps + c * z, "mend that one first"),
        ],
    )
    return list(wrong), [right, [*right.values()], {k: f"{v:.7f}" for k, v in right.items()}]


def guided_normal(data):
    u = data["u"]
    right = {"w": u + 1, "variance": "v*r/(v + w*(r-v))", "mean": "w*m*r/(v + w*(r-v))", "price": "c"}
    wrong = changed(
        right,
        w=[
            (u, "The letters differ in meaning"),
            (u - 1, "to the wrong side"),
            (-u, "the denoiser without a label"),
            (1 / u, "Nothing is divided"),
        ],
        variance=[
            ("v/w", "p(x | y) to the power w"),
            ("v*r/(v + w*r)", "the power 1 - w"),
            ("v*r/(v + (w+1)*(r-v))", "the paper's way to count"),
            ("v*w + r*(1 - w)", "You mix the variances"),
            ("(1 - w)/r + w/v", "That is 1/variance"),
            ("(v*r/(v + w*(r-v)))**0.5", "the standard deviation"),
            ("1/(w/r + (1-w)/v)", "exchanged the powers"),
            ("1/(w/v + (w-1)/r)", "The sign of the power 1 - w"),
            ("v", "The variance depends on w"),
        ],
        mean=[
            ("w*m", "not the means"),
            ("m", "Test w = 0"),
            ("w*m/v", "the slope of the log-density"),
            ("m*r/(v + w*r - w*v)", "A factor is missing"),
            ("w*m*v*r/(v + w*(r-v))", "with its weight w/v, not w."),
            ("(w+1)*m*r/(v + (w+1)*(r-v))", "the paper's way to count"),
            ("w*m/(v*(w/v + 1/r))", "the power 1 - w"),
            ("(1-w)*m/v/(w/r + (1-w)/v)", "exchanged the powers"),
        ],
        price=[
            ("a", "for w = 1 and for a large w"),
            ("(B)", "Does it stay at m"),
            ("d", "grow without bound"),
            ("e", "For larger w it can't"),
        ],
    )
    other = {"w": f"{u} + 1", "variance": "1/((1 - w)/r + w/v)", "mean": "(w/v)*m/((1 - w)/r + w/v)", "price": "C"}
    return list(wrong), [right, other, list(right.values()), {**other, "mean": "m/(1 - v/r + v/(r*w))"}]
