"""Sheet 2, games: its items, in order."""

from __future__ import annotations

from teachkit.grading.checks._games_judge import BEST, FADES, LOGIT, SHARPNESS, SLOPES
from teachkit.grading.checks._games_losses import LOSSES
from teachkit.grading.checks._games_moves import EXTRAGRADIENT, ROUND
from teachkit.grading.checks._games_tensors import PACKS, SPECTRAL
from teachkit.grading.kinds import Choice, TrueFalse

_STALLED = Choice(
    right="b",
    because="The minimax loss is flat where the discriminator is sure to see a fake: its slope by the logit is -D.",
    why={
        "a": "At the goal nobody can tell the points apart. Which numbers would the first two columns show then?",
        "c": "By which factor would you have to raise it at round 400, and by which at round 1? And what does such "
        "a rate do as soon as the discriminator hesitates?",
        "d": "Look at the column of the discriminator's loss: how often is it still wrong about a point?",
        "e": "A generator that had found a point which fools the discriminator would be seen in the second column.",
    },
)

_FALLING = TrueFalse(
    truth=False,
    right="b",
    because="The loss compares a generator with one discriminator, and that one has changed as well.",
    otherwise="Keep the generator as it is, and put a much poorer discriminator in the other's place. What happens to "
    "the loss, and what to the divergence?",
    why={
        "a": "Its goal is right for the best discriminator, in every round anew. Is the one of round 2000 that?",
        "c": "Both are in nats. What would prevent you from comparing them if only the generator had moved?",
        "d": "That identity holds with the best discriminator held fixed, for one small step. Between the two rounds "
        "it was not held fixed.",
        "e": "Look at the figure of the losses in the chapter: does the loss of the generator only fall there?",
    },
)

ITEMS = {
    "best-discriminator": BEST,
    "logit": LOGIT,
    "sharpness": SHARPNESS,
    "slopes": SLOPES,
    "generator-losses": LOSSES,
    "fading-gradient": FADES,
    "stalled-run": _STALLED,
    "falling-loss": _FALLING,
    "round-and-round": ROUND,
    "look-ahead": EXTRAGRADIENT,
    "packs": PACKS,
    "spectral-norm": SPECTRAL,
}
