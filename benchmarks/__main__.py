"""Run every benchmark: ``python -m benchmarks``, with ``--quick`` for a smoke run, ``--only NAME`` for one."""

import argparse
from pathlib import Path

from benchmarks import coupling, diffusion, evaluation, grading, newton, training, transport
from runs._shared import record_root

BENCHMARKS = {
    "newton": newton,
    "grading": grading,
    "transport": transport,
    "training": training,
    "diffusion": diffusion,
    "evaluation": evaluation,
    "coupling": coupling,
}

parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run the benchmarks.")
parser.add_argument("--quick", action="store_true", help="a smoke run of a few seconds")
parser.add_argument("--only", choices=BENCHMARKS, help="the one benchmark to run")
parser.add_argument("--out", type=Path, help="where the records go; else results, or _build/quick for a smoke run")
options = parser.parse_args()
out = options.out or record_root(options.quick)
for name, module in BENCHMARKS.items():
    if options.only in (None, name):
        module.main(module.QUICK if options.quick else module.Config(), out / f"{name}_bench")
