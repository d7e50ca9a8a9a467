PYTHON ?= python3
BIN := .venv/bin
DEMO := runs/demo
# The extra `synthetic`, without what it depends on: centrosome would bring an older Pillow, which it
# uses in one function that nothing here calls.
SYNTHETIC := cp-measure==0.3.0 centrosome==1.3.4 mahotas==1.4.19 deprecation==2.1.0

.PHONY: run test check unit peers peer-models docs integration conformance coverage hooks pins
.PHONY: bench-claims bench-evaluator bench-formats bench-fuzz bench-large bench-leakage bench-predict bench-report bench-scaling bench-synthetic clean weights

# The whole benchmark on simulated images; the report's path is printed last.
run: .venv/models
	$(BIN)/harness run-all --profile tiny --runner local --out $(DEMO)

# Everything that decides whether a change is good.
test: check unit peers docs integration

# The fast part, for every commit.
check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# `make check` at every commit from now on, on the files that it changes.
hooks: .venv/dev
	$(BIN)/pre-commit install

# Writes the versions that pyproject.toml pins into the images' requirements.txt.
pins: .venv/dev
	$(BIN)/python -m tests.pins

unit: .venv/dev
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile tests/unit

# The metrics beside stardist, cellpose, panoptica and scikit-image, and other people's models.
peers: .venv/peers peer-cellpose
	$(BIN)/pytest tests/peers

# The pages of docs/ as a site, without network; a warning is an error.
docs: .venv/docs
	$(BIN)/python -m sphinx -W --keep-going -E -a -q -d docs/_build/doctrees docs docs/_build/html
	@echo docs/_build/html/index.html

# Other people's packages as models for the local runner; Docker needs none of this.
peer-models: peer-cellpose peer-stardist
peer-%: .venv/%/.installed ;
.PRECIOUS: .venv/%/.installed

# The whole conformance kit on every model, control and generator, or on MODELS; half an hour.
EXAMINED := otsu empty oracle copypaste procedural shuffled moreofthesame \
  unet nnunet sac lstmunet maunet pix2pix
conformance: .venv/models
	@unsound=; for model in $(or $(MODELS),$(EXAMINED)); do \
	  $(BIN)/harness check $$model $(if $(RUNNER),--runner $(RUNNER)) || unsound="$$unsound $$model"; \
	done; test -z "$$unsound" || { echo "not sound:$$unsound"; exit 1; }

integration: .venv/dev
	$(BIN)/pytest tests/integration

# Which lines the tests reach, in the programs that they start too; the pages are in .coverage_html.
coverage: .venv/dev
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --cov --cov-report= tests/unit
	$(BIN)/pytest --cov --cov-append --cov-report=term:skip-covered --cov-report=html tests/integration

# The weights that come with the models, from the images below DATA; one model after another, or MODEL.
# An interrupted call goes on where it was. SET overrides settings of the profile `weights`.
weights: .venv/dev
	$(BIN)/python -m harness.weights.make --data $(or $(DATA),../shared/data) $(if $(MODEL),--model $(MODEL)) \
	  $(if $(SEED),--seed $(SEED)) $(if $(SET),--set $(SET)) $(if $(GPU),--gpu)

# Scoring beside stardist and cellpose; what docs/performance.md shows.
bench-evaluator: .venv/peers
	OMP_NUM_THREADS=1 PYTHONPATH=.venv/peers $(BIN)/python -m tests.benchmarks.evaluator_speed

# Coverage of the intervals and false claims of the comparisons, by simulation; FILES are further
# scores.csv to draw from.
bench-claims: .venv/dev
	$(BIN)/python -m tests.benchmarks.claims $(FILES)

# How long 2000 images take to be compared with each other, and which planted copies are found.
bench-leakage: .venv/dev
	$(BIN)/python -m tests.benchmarks.leakage $(IMAGES)

# Whether a trial of synthetic images can say gain, harm and no gain; a few minutes of one core.
bench-synthetic: .venv/models
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.synthetic_trial $(FOLDER)

# How fast masks are exported, and what comes back of them; without MASKS, of 101 made ones of 1024².
bench-formats: .venv/dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.formats $(MASKS) $(IMAGES)

# 10 000 damaged image and mask files, each read twice: no crash, no hang, memory bounded.
bench-fuzz: .venv/dev
	$(BIN)/python -m tests.benchmarks.fuzz_readers $(COUNT) $(SEED)

# CPU time, memory and size of reports of 5 models on 101, 1000 and 10,000 images, and how fast Chromium opens them.
bench-report: .venv/dev
	$(BIN)/python -m tests.benchmarks.report_size

# Speed-up with two workers, and what the harness spends on an item of a simulated cluster of 64.
bench-scaling: .venv/dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.scaling

# Peak memory and time of predicting a 20000×20000 image and of scoring its mask.
bench-large: .venv/dev
	$(BIN)/python -m tests.benchmarks.large_image $(if $(MODEL),--model $(MODEL)) $(if $(RUN),--run $(RUN)) $(if $(SIDE),--side $(SIDE))

# CPU seconds and F1 of predicting DATA's test images with MODEL, as it is, mirrored, told the scale.
bench-predict: .venv/dev
	$(BIN)/python -m tests.benchmarks.prediction --data $(or $(DATA),../shared/data/cells) $(if $(MODEL),--model $(MODEL)) $(if $(WEIGHTS),--weights $(WEIGHTS))

clean:
	rm -rf .venv runs dist docs/_build docs/*.ipynb .coverage .coverage_html

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'cellbench needs Python 3.11 or newer: make PYTHON=/path/to/python3.11'; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo 'Python lacks its venv module: sudo apt-get install python3-venv'; exit 1; }
	$(PYTHON) -m venv .venv

.venv/models: pyproject.toml | .venv/bin/python
	@echo 'installing torch and the models into .venv; a few minutes the first time'
	$(BIN)/pip install -qq --disable-pip-version-check -e '.[models]'
	@touch $@

.venv/dev: pyproject.toml | .venv/bin/python
	@echo 'installing torch, the models and the tools into .venv; a few minutes the first time'
	$(BIN)/pip install -qq --disable-pip-version-check -e '.[models,dev]'
	$(BIN)/pip install -qq --disable-pip-version-check --no-deps $(SYNTHETIC)
	@touch $@ .venv/models

.venv/docs: pyproject.toml | .venv/bin/python
	@echo 'installing the tools that build the docs into .venv'
	$(BIN)/pip install -qq --disable-pip-version-check -e '.[docs]'
	@touch $@

# As in the image: on top of the models' environment, whose own packages of that name they hide.
.venv/%/.installed: containers/%/requirements.txt | .venv/models
	@echo 'installing the packages of $* into .venv/$*'
	rm -rf .venv/$*
	$(BIN)/pip install -qq --disable-pip-version-check --no-deps \
	  --target .venv/$* -r $<
	@touch $@

# Apart from the environment and without dependencies, which would replace torch and numpy there.
.venv/peers: pyproject.toml | .venv/dev
	@echo 'installing the other implementations into .venv/peers'
	@$(BIN)/python -c 'import tomllib, pathlib; \
	  text = pathlib.Path("pyproject.toml").read_text(encoding="utf-8"); \
	  print(*tomllib.loads(text)["project"]["optional-dependencies"]["peers"], sep="\n")' \
	  > .venv/peers.txt
	$(BIN)/pip install -qq --disable-pip-version-check --no-deps --upgrade \
	  --target .venv/peers -r .venv/peers.txt
	@touch $@
