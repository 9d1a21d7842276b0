# `make` alone lists what there is. Everything is made in .venv, from the locks in requirements/.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 5000
# More words for pytest: make test ARGS="-k season -x"
ARGS ?=

BIN := $(VENV)/bin
PACKAGE := pyproject.toml setup.cfg
GAME := $(VENV)/.game-installed
DEV := $(VENV)/.dev-installed
FIGURES := docs/explanation/performance
RINGS := unit wire kafka servers examples packaging harness benchmarks engines long
SPEED := .cache/speed-layer
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal \
	--python-version 3.10 --generate-hashes $(UPGRADE) pyproject.toml

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help game speed-layer speed-kills batch-layer same-totals test check lint types layers format parts screenshot lock \
	clean faults faults-quick soak outage bench bench-quick docs \
	$(RINGS)

help:
	@echo "make game      play: the example game on the embedded broker, at 127.0.0.1:PORT (PORT=5000)"
	@echo "make speed-layer                count the game's purchases on Apache Kafka, in an environment of its own (Python 3.11)"
	@echo "make batch-layer                counts the purchases on Kafka by Spark, which it installs (450 MB) the first time"
	@echo "make same-totals                100,000 events through every layer, on a Kafka of its own: the same totals"
	@echo "make test      the suite; what needs a missing program is skipped and says how to get it"
	@echo "make check     lint, types, layers, then the suite"
	@echo
	@echo "make lint | types | layers      one of the checks;  make format repairs what lint can repair"
	@echo "make $(RINGS)" | sed 's/ / | /2g'
	@echo "                                one ring of the tests (ARGS=\"-k name\" goes to pytest)"
	@echo "make faults    every fault, also those that take minutes, on three real brokers: prints the table,"
	@echo "                                and how long a gevent worker's hub pauses at most"
	@echo "make faults-quick               the ring of those that take seconds"
	@echo "make speed-kills                the speed layer killed with -9, 20 times at random: its totals stay exact"
	@echo "make soak      faults at random for 20 minutes, the journal on: nothing lost, nothing grows"
	@echo "make outage    1,000,000 events while all brokers are away: on the disk, not in the memory; 5 minutes"
	@echo "make bench     what an event costs, beside what others cost: prints and saves the figures; bench-quick in 2 minutes"
	@echo "make crowd     PLAYERS=200 play the game for SECONDS=60, under gunicorn and Kafka: nothing they were answered is lost"
	@echo "make docs      the documentation, in build/docs; a warning is an error"
	@echo "make screenshot                 the live page's picture in docs/, taken anew by its test in Chromium"
	@echo "make parts     the programs that some tests need, and how to get those that are missing"
	@echo "make lock      the locks in requirements/ anew (UPGRADE=--upgrade for the newest versions)"
	@echo "make clean     removes what make made"
	@echo
	@echo "PYTHON=python3.12 takes another interpreter for a new .venv (3.10 or newer)"

game: $(GAME)
	@PORT="$(PORT)" exec $(BIN)/python -m examples.game_api

# Its words are the speed layer's own: make speed-layer ARGS="--bootstrap-servers kafka:9092 --database totals.db"
speed-layer: $(SPEED)/.installed
	@exec $(SPEED)/bin/python -m examples.game_api.speed_layer $(ARGS)

# make speed-kills ARGS="--times 5 --seed 7"
speed-kills: $(DEV) $(SPEED)/.installed
	@exec $(BIN)/python -m tests.examples.speed_kills $(ARGS)

# make batch-layer ARGS=stream; Kafka's address is FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS
batch-layer: $(DEV)
	@exec $(BIN)/python -m examples.game_api.batch_layer $(ARGS)

same-totals: $(DEV)
	@exec $(BIN)/python -m tests.examples.same_totals $(ARGS)

# Twice as fast in two halves at once; with words for pytest, in one.
test: $(DEV)
	@$(BIN)/python -m tests.parts
	@exec $(BIN)/python -m $(if $(ARGS),pytest --cov --cov-report=term $(ARGS),tests.side_by_side)

check: lint types layers test

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(DEV)
	$(BIN)/mypy

layers: $(DEV)
	$(BIN)/lint-imports --no-cache --no-logo

parts: $(DEV)
	@$(BIN)/python -m tests.parts

$(RINGS): $(DEV)
	@exec $(BIN)/python -m pytest tests/$@ $(ARGS)

# Its words are tests.faults' own: make faults ARGS="--only leader --mode memory"
faults: $(DEV)
	@$(BIN)/python -m tests.faults --long $(ARGS)
	@exec $(BIN)/python -m tests.faults.stalls

faults-quick: $(DEV)
	@exec $(BIN)/python -m pytest tests/faults $(ARGS)

# make soak ARGS="--minutes 5 --rate 100 --seed 7", make outage ARGS="--events 20000"
soak outage: $(DEV)
	@exec $(BIN)/python -m tests.faults.$@ $(ARGS)

# make crowd PLAYERS=500 SECONDS=20, or ARGS="--bootstrap localhost:9092 --url http://127.0.0.1:5000" for one that runs
.PHONY: crowd
crowd: PLAYERS ?= 200
crowd: SECONDS ?= 60
crowd: $(DEV)
	@exec $(BIN)/python -m examples.crowd --players $(PLAYERS) --seconds $(SECONDS) $(ARGS)

# make bench ARGS="--compare old.json" says what got worse
bench: $(DEV)
	@exec $(BIN)/python -m benchmarks --save $(FIGURES).json --chart $(FIGURES).svg --page $(FIGURES).md $(ARGS)

bench-quick: $(DEV)
	@exec $(BIN)/python -m benchmarks --quick $(ARGS)

# -E reads every page anew: what is made from the code has no file of its own that could be newer.
docs: $(DEV)
	$(BIN)/sphinx-build -W --keep-going -n -E -q -b html docs build/docs
	@echo "The documentation is in build/docs/index.html"

screenshot: $(DEV)
	@WRITE_SCREENSHOT=1 exec $(BIN)/python -m pytest tests/long/test_live_browser.py -k picture $(ARGS)

# The later ones are held to what the first one chose, but for the lowest versions that users may have.
lock: $(DEV)
	$(COMPILE) --extra dev --output-file requirements/dev.txt
	$(COMPILE) requirements/game.in --constraint requirements/dev.txt --output-file requirements/game.txt
	$(subst version 3.10,version 3.11,$(COMPILE)) requirements/speed-layer.in --output-file requirements/speed-layer.txt
	$(subst pyproject.toml,,$(COMPILE)) requirements/batch_layer.in --output-file requirements/batch_layer.txt
	$(COMPILE) --extra test --constraint requirements/dev.txt --output-file requirements/test.txt
	$(COMPILE) --extra test --resolution lowest-direct --output-file requirements/lowest.txt
	$(filter-out pyproject.toml,$(COMPILE)) requirements/crowd.in --output-file requirements/crowd.txt

clean:
	rm -rf $(VENV) .cache build dist *.egg-info .coverage .coverage.* .coverage-* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "Python 3.10 or newer is needed, and $(PYTHON) is not that (or not there)."; \
	  echo "Name one that is: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; } >&2
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; } >&2

# Without dependencies and isolation: both come from the lock. (Given only the lock, pip 23 takes pytest-cov's own
# "coverage[toml]>=7.10" for a newer coverage than the locked one, and refuses it for having no hash.)
define INSTALL
@echo "Installing $< into $(VENV) ..."
@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
@touch $@
endef

$(GAME): requirements/game.txt $(PACKAGE) | $(BIN)/python
	$(INSTALL)

$(DEV): requirements/dev.txt $(PACKAGE) | $(BIN)/python
	$(INSTALL)

# Not in $(VENV): its stream library holds confluent-kafka below what the package is developed with.
$(SPEED)/.installed: requirements/speed-layer.txt $(PACKAGE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "The speed layer needs Python 3.11 or newer. Name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; } >&2
	@echo "Installing $< into $(SPEED) ..."
	@$(PYTHON) -m venv --clear $(SPEED) || { rm -rf $(SPEED); \
	  echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; } >&2
	@$(SPEED)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	@$(SPEED)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
