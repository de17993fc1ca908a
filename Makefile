# Two commands for everybody: `make up` and `make test`. The rest is for those who change the code.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
UV     := VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv
PYTEST := $(RUN) -m pytest

# Where compiled files may not be kept, each of the many processes of a test run would compile
# all that it imports.
unexport PYTHONDONTWRITEBYTECODE

# Without an .env the sandbox is on; single variables of the environment still replace a stand-in.
SANDBOX_ON := $(if $(wildcard .env),,SANDBOX=1 DEBUG=1)

.PHONY: up test test-services test-browser check lock bench screenshots lighthouse clean

up: $(VENV)/run.stamp
	@$(SANDBOX_ON) exec $(RUN) manage.py up

lock: $(VENV)/uv.stamp
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --custom-compile-command "make lock" requirements.in -o requirements.txt
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --custom-compile-command "make lock" -c requirements.txt requirements-dev.in -o requirements-dev.txt

$(VENV)/uv.stamp: requirements-uv.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@touch $@

# Adds what is missing and removes nothing, so that `make test` and `make up` share one venv.
$(VENV)/run.stamp: $(VENV)/uv.stamp requirements.txt
	$(UV) pip install --quiet --require-hashes -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.txt
	$(UV) pip install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

# --- Tests ---------------------------------------------------------------------------------------

# A file goes to one worker as a whole: what it sets up, such as a running service, is set up once.
BY_FILE := --dist loadfile --no-loadscope-reorder
# One more than there are cores: tests that start processes wait more than they compute.
WORKERS := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))

test: $(VENV)/dev.stamp
	$(PYTEST) -n $(WORKERS) $(BY_FILE) -m "not browser" tests

# The same tests against PostgreSQL and Redis, at DATABASE_URL and REDIS_URL or on this machine. What
# starts the embedded service, or asks none, would only be run a second time.
DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/postgres
REDIS_URL    ?= redis://127.0.0.1:6379/9
test-services: $(VENV)/dev.stamp
	DATABASE_URL=$(DATABASE_URL) REDIS_URL=$(REDIS_URL) $(RUN) -m tests.services
	DATABASE_URL=$(DATABASE_URL) REDIS_URL=$(REDIS_URL) $(PYTEST) -n $(WORKERS) $(BY_FILE) \
	  -m "not browser and not embedded" tests

test-browser: $(VENV)/dev.stamp
	@$(RUN) -m tests.browser
	$(PYTEST) -n auto $(BY_FILE) -m browser tests/browser

# --- Before a commit -----------------------------------------------------------------------------

# What a deployment sets at least; `check --deploy` would otherwise judge the sandbox.
AS_DEPLOYED := DEBUG=0 SANDBOX=0 SECRET_KEY=check-only-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEF \
  FIELD_ENCRYPTION_KEYS=Y2hlY2stb25seS1rZXktbm90LWEtc2VjcmV0ISEhISE= \
  SITE_URL=https://lanterne.example ALLOWED_HOSTS=lanterne.example \
  OPERATOR_EMAILS=ops@lanterne.example OPENAI_API_KEY=check-only CLIENT_IP_HEADER=Fly-Client-IP

check: $(VENV)/dev.stamp
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	DEBUG=1 SANDBOX=1 $(RUN) -m mypy .
	DEBUG=1 SANDBOX=1 $(RUN) manage.py makemigrations --check --dry-run
	$(AS_DEPLOYED) $(RUN) manage.py check --deploy --fail-level WARNING
	$(RUN) -m tests.audit

bench: $(VENV)/dev.stamp
	DEBUG=1 SANDBOX=1 $(RUN) -m bench

# Every page at two widths and in both schemes, and every mail, into docs/screenshots/.
screenshots: $(VENV)/dev.stamp
	@$(RUN) -m tests.browser
	$(RUN) -m tests.browser.screenshots

# Home on a phone, as Lighthouse sees it, into docs/lighthouse.md. The one thing that needs node.
lighthouse: $(VENV)/dev.stamp tools/lighthouse/node_modules
	@$(RUN) -m tests.browser
	$(RUN) -m bench.lighthouse

tools/lighthouse/node_modules: tools/lighthouse/package-lock.json
	npm ci --prefix tools/lighthouse --no-audit --no-fund --ignore-scripts
	@touch $@

clean:
	rm -rf $(VENV) var tools/lighthouse/node_modules .mypy_cache .ruff_cache .pytest_cache
