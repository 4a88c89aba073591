# make demo: install, generate the demo corpus, train, evaluate, write runs/demo/report.html
# make test: install, run the test suite
# make profiles: measure the calibration anew
# make docs: write the catalogue of noises and draw the pictures of the documentation anew
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-slow lint docs profiles clean

demo: .venv/ready
	$(BIN)/python -m recipes.demo_corpus data/demo
	$(BIN)/python -m recipes.iemocap --data data/demo --out runs/demo --resume

test: .venv/ready
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-slow: .venv/ready
	$(BIN)/python -m pytest -m slow

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/ready
	for name in easy_to_hard hard_to_easy accordion; do \
	  $(BIN)/noise-scheduler schedule docs/curricula/$$name.toml --level-png docs/curricula/$$name.png || exit 1; \
	done
	$(BIN)/python -m docs.make_noises

# The tested versions are pinned in constraints.txt; dependency groups need pip ≥ 25.1, hence the upgrade.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --progress-bar on -c constraints.txt --editable ".[all]" --group dev
	touch $@

# What the wheel's calibration is measured on, and how: a quarter of an hour on two cores.
profiles: .venv/ready
	$(BIN)/python -m benchmarks.corpora
	$(BIN)/noise-scheduler calibrate image data/corpora/photos/calibration --draws 6 -o noise_scheduler/calibration/photos.json
	$(BIN)/noise-scheduler calibrate image data/corpora/faces/calibration --draws 6 -o noise_scheduler/calibration/faces.json
	$(BIN)/noise-scheduler calibrate video data/corpora/clips/calibration --draws 6 --samples 16 -o noise_scheduler/calibration/video.json
	$(BIN)/noise-scheduler calibrate audio data/corpora/speech/calibration --draws 6 --samples 33 -o noise_scheduler/calibration/speech.json
	$(BIN)/noise-scheduler calibrate text data/corpora/text/calibration --draws 24 --samples 134 -o noise_scheduler/calibration/text.json

clean:
	rm -rf .venv runs/demo runs/cache data/demo
