"""Run every benchmark: ``python -m benchmarks``, with ``--quick`` for a smoke run, ``--only NAME`` for one."""

import argparse
from pathlib import Path

from benchmarks import coupling, diffusion, evaluation, grading, newton, training, transport

BENCHMARKS = {
    "newton": newton,
    "grading": grading,
    "transport": transport,
    "training": training,
    "diffusion": diffusion,
    "evaluation": evaluation,
    "coupling": coupling,
}
ROOT = Path(__file__).parents[1]

parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run the benchmarks.")
parser.add_argument("--quick", action="store_true", help="a smoke run of a few seconds")
parser.add_argument("--only", choices=BENCHMARKS, help="the one benchmark to run")
parser.add_argument("--out", type=Path, default=ROOT / "results", help="where the records go")
options = parser.parse_args()
for name, module in BENCHMARKS.items():
    if options.only in (None, name):
        module.main(module.QUICK if options.quick else module.Config(), options.out / f"{name}_bench")
