"""Wrong and right answers to sheet 2, each as a student would give it."""

import numpy as np
from numpy import exp, log, log1p
from scipy.special import expit, log_expit, ndtr
from scipy.stats import norm


def best_discriminator(data):
    p, q = np.array(data["p"]), np.array(data["q"])
    D = p / (p + q)
    on_data, on_fakes = (p * log(D)).sum(), (q[:2] * log(1 - D[:2])).sum()
    V = on_data + on_fakes
    best = {"D1": D[0], "D2": D[1], "D3": 1, "value": V, "js": (V + log(4)) / 2}
    wrong = [
        ({**best, "D1": q[0] / (p[0] + q[0])}, "probability that the point is a fake"),
        ({**best, "D1": p[0] / q[0]}, "That is the ratio p/q"),
        ({**best, "D2": p[1]}, "That is p alone"),
        ({**best, "D2": 0.5}, "With 1/2 the discriminator ignores"),
        ({**best, "D3": 0.5}, "1/2 is for a place where"),
        ({**best, "D3": 0}, "You swapped the labels"),
        ({**best, "D3": p[2]}, "where can it come from"),
        ({**best, "value": -V}, "are not above 0"),
        ({**best, "value": V / 2}, "You took the mean of both parts"),
        ({**best, "value": V / log(2)}, "value in bits; nats are asked for"),
        ({**best, "value": on_data}, "the data's part alone"),
        ({**best, "value": on_fakes}, "the generator's part alone"),
        ({**best, "value": -log(4)}, "always says 1/2"),
        ({**best, "value": V + p[2] * log(0.5)}, "this discriminator hesitates"),
        ({**best, "value": V + log(4)}, "That is 2 JS"),
        ({**best, "js": V + log(4)}, "you left out the 2"),
        ({**best, "js": V / 2}, "The constant log 4 is missing"),
        ({**best, "js": (V + log(4)) / log(4)}, "the divergence in bits"),
        ({**best, "js": (V + log(2)) / 2}, "You added log 2"),
        ({**best, "js": (V - log(4)) / 2}, "That is below 0"),
        ({**best, "js": log(2)}, "for laws without overlap"),
        ({"D1": D[0]}, "not filled in yet"),
    ]
    right = [
        best,
        [np.float32(D[0]), f"{p[1]}/({p[1]} + {q[1]})", 1.0, f"{V:.6f} nats", f"{(V + log(4)) / log(4):.6f} bits"],
        {**best, "D3": True + 0.0, "value": np.array([V])},
    ]
    return wrong, right


def logit(data):
    wrong = [
        ("x**2/2 - (x-m)**2/(2*s**2) - log(s)", "That is log q - log p"),
        ("((x-m)/s)**2/2 - x**2/2", "A normal density has s in front"),
        ("((x-m)/s)**2/2 - x**2/2 - log(s)", "The sign of log s"),
        ("((x-m)/s)**2 - x**2 + log(s)", "The halves in the exponents"),
        ("(x-m)**2/(2*s) - x**2/2 + log(s)", "the variance is s"),
        ("((x-m)/s)**2/2 - x**2/2 + log(s)/2", "log s has no half"),
        ("((x-m)/s)**2/2 - x**2/2 + log(s**2)", "stands under a root"),
        ("exp(-x**2/2)/(exp(-x**2/2) + exp(-(x-m)**2/(2*s**2))/s)", "That is D itself"),
        ("s*exp(((x-m)/s)**2/2 - x**2/2)", "That is p/q"),
        ("m*(m - 2*x)/2", "That is for s = 1"),
        ("(x-m)**2/(2*s) - x**2/2 + 0.5*log(s)", "s is the variance"),
        ("x**2/2 - (x-m)**2/(2*s**2) + log(s)", "Both squares"),
        ("log(p) - log(q)", "is not known"),
    ]
    right = [
        "log(s) + (x-m)**2/(2*s**2) - x**2/2",
        "log(s*exp((x-m)**2/(2*s**2))/exp(x**2/2))",
        "-0.5*x*x + 0.5*((x-m)/s)**2 + log(s)",
    ]
    return wrong, right


def proved(k, m, weigh=norm.pdf):
    """Return V of the logit k a(x), with a finer grid than the checks have."""
    x = np.linspace(-12, m + 12, 6001)
    b = np.outer(k, m**2 / 2 - m * x)
    return (log_expit(b) * weigh(x) + log_expit(-b) * weigh(x - m)).sum(1) * (x[1] - x[0])


def V_of_powers(k, m):
    x = np.linspace(-9, 11, 4001)
    log_D = np.outer(k, log_expit(m**2 / 2 - m * x))
    fakes = log1p(-exp(np.minimum(log_D, -1e-15)))
    return (log_D * norm.pdf(x) + fakes * norm.pdf(x - m)).sum(1) * (x[1] - x[0])


def sharpness(data):
    m, k = data["m"], np.linspace(0.1, 3, 40)
    V = proved(k, m)
    bound = (V + log(4)) / 2
    power = V_of_powers(k, m)
    wrong = [
        ((k, V), "That is V. It bounds"),
        ((k, V + log(4)), "bounds 2 JS"),
        ((k, V / 2), "the constant log 4 is missing"),
        ((k, V + log(2)), "You added log 2 to V"),
        ((k, bound / log(2)), "in bits; nats"),
        ((k, -bound), "The sign is wrong"),
        ((k, (proved(-k, m) + log(4)) / 2), "takes the data for the fakes"),
        ((k, np.full(40, (proved([1.0], m)[0] + log(4)) / 2)), "k = 1 alone reaches"),
        ((k, (proved(1 / k, m) + log(4)) / 2), "You divided the logit"),
        ((k, (power + log(4)) / 2), "D to the power k"),
        ((k[:10], bound[:10]), "must reach from"),
    ]
    fine = np.linspace(0.05, 3.2, 200)
    few = np.linspace(0.1, 3, 31)
    right = [(k, bound), [list(few), list((proved(few, m) + log(4)) / 2)], (fine, (proved(fine, m) + log(4)) / 2)]
    return wrong, right


def slopes(data):
    D = "(1/(1 + exp(-a)))"
    best = {"minimax": f"-{D}", "non_saturating": f"{D} - 1", "least_squares": f"-{D}*(1 - {D})**2"}
    wrong = [
        ({**best, "minimax": D}, "the loss must fall with a"),
        ({**best, "minimax": f"{D} - 1"}, "the slope of the other loss"),
        ({**best, "minimax": f"-1/(1 - {D})"}, "the derivative by D"),
        ({**best, "minimax": f"log(1 - {D})"}, "That is the loss itself"),
        ({**best, "minimax": f"-{D}*(1 - {D})"}, "the logarithm is missing"),
        ({**best, "non_saturating": f"1 - {D}"}, "the loss must fall with a"),
        ({**best, "non_saturating": f"-{D}"}, "the slope of the other loss"),
        ({**best, "non_saturating": "-(1 + exp(-a))"}, "the derivative by D"),
        ({**best, "non_saturating": f"-log({D})"}, "That is the loss itself"),
        ({**best, "least_squares": f"{D}*(1 - {D})**2"}, "the loss must fall with a"),
        ({**best, "least_squares": f"-(1 - {D})"}, "the derivative by D"),
        ({**best, "least_squares": f"-2*{D}*(1 - {D})**2"}, "The 2 of the square"),
        ({**best, "least_squares": f"-{D}*(1 - {D})"}, "One factor is missing"),
        ({**best, "least_squares": f"(1 - {D})**2/2"}, "That is the loss itself"),
        ({**best, "minimax": "-D"}, "'D' is not known"),
    ]
    right = [
        best,
        {**best, "minimax": "-exp(a)/(1 + exp(a))", "least_squares": "-exp(a)/(1 + exp(a))**3"},
        ["-1/(1 + exp(-a))", "-exp(-a)/(1 + exp(-a))", "-exp(-2*a)/(1 + exp(-a))**3"],
    ]
    return wrong, right


def fading_gradient(data):
    m = data["m"]
    z = np.linspace(-10, 10, 8001)
    mean = (expit(m**2 / 2 - m * (m + z)) * norm.pdf(z)).sum() * (z[1] - z[0])
    wrong = [
        (m * (1 - mean), "of the non-saturating loss"),
        (mean, "one factor more"),
        (-m * mean, "The sign is wrong"),
        (mean / (1 - mean), "ratio of the two"),
        (m * expit(-(m**2) / 2), "not the mean of D*"),
        (expit(-(m**2) / 2), "D* at the mean"),
        (m / 2 * exp(-(m**2) / 8), "the upper bound of the chapter"),
        (m * ndtr(-m / 2), "the lower bound of the chapter"),
        (2 * m * ndtr(-m / 2), "an upper bound of the chapter"),
        (m * mean / 2, "You halved it"),
        (-mean, "Sign and size"),
        (m / 2, "over the data as well"),
    ]
    return wrong, [m * mean, np.float32(m * mean), f"{m}*{mean:.9f}"]
