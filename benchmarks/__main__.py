"""Run every benchmark: ``python -m benchmarks``, with ``--quick`` for a smoke run."""

from benchmarks import newton

newton.main()
