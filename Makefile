# Every target sets up .venv by itself. `make` lists the targets.
PYTHON ?= python3
PORT ?= 0
WORKERS ?= 2

RUN := .venv/bin/python
PAGES := _build/html/index.html

# Nothing from outside .venv may take part.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX
export PYTHONNOUSERSITE := 1
# One thread per process: the tests and the book run in two processes.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help env book test lint serve check notebooks colab bench clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "PYTHON=python3.12 selects another Python, PORT=8000 a port for serve."

env:
	@.ci/venv "$(PYTHON)"

book: env ## run the chapters and build the HTML into _build/html
	@$(RUN) -m teachkit.book.build

test: env ## run the tests, write _build/junit.xml
	@mkdir -p _build
	@rm -f _build/junit.new.xml
	@status=0; $(RUN) -m pytest -n $(WORKERS) --dist loadfile --junit-xml=_build/junit.new.xml || status=$$?; \
	if [ -f _build/junit.new.xml ]; then mv _build/junit.new.xml _build/junit.xml; fi; exit $$status

lint: env ## check style and formatting
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check

$(PAGES):
	@$(MAKE) --no-print-directory book

serve: env $(PAGES) ## serve the built book on this machine and print the address
	@$(RUN) -m teachkit.book.serve --port $(PORT)

check: book ## check links, images and accessibility of the built book
	@$(RUN) -m teachkit.book.check
	@$(RUN) -m pytest -n $(WORKERS) tests/site

notebooks: env ## write the exercise sheets from their solutions, and the notebooks of all pages with code
	@$(RUN) -m teachkit.grading.derive
	@$(RUN) -m teachkit.book.notebooks

colab: env ## run every notebook in a clean environment, as Colab would
	@$(RUN) -m teachkit.book.clean --processes $(WORKERS)

bench: env ## run the benchmarks
	@$(RUN) -m benchmarks

clean: ## remove everything that was built (.venv stays)
	@rm -rf _build
