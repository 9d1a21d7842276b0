"""How the docs are built: `make docs`."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

project = "flask_kafka_events"
author = "The flask_kafka_events authors"
copyright = "2026, the flask_kafka_events authors"
release = version_of("flask-kafka-events")
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "pallets_sphinx_themes",
    "docs._ext.generated",
]

myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True  # a default as it is written
napoleon_use_ivar = True  # an attribute that is told of in the class's docstring is no second entry
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True
# In our docstrings `this` is code, as it is in Markdown.
default_role = "code"

html_theme = "flask"
html_title = f"flask_kafka_events {release}"
html_show_sourcelink = False
html_copy_source = False
smartquotes = False

# What signatures name and no page of these docs describes. The build needs no network, so there is no inventory of
# others' docs to ask.
nitpick_ignore = [
    ("py:class", name)
    for name in (
        "collections.abc.Callable", "collections.abc.Collection", "collections.abc.Iterator", "collections.abc.Mapping", "datetime.datetime",
        "cimpl.Producer",  # confluent_kafka.Producer, by its own name
        "flask.app.Flask", "flask.blueprints.Blueprint", "opentelemetry.trace.TracerProvider", "prometheus_client.registry.CollectorRegistry",
        "msgspec.UnsetType",
        "P", "flask_kafka_events.decorator.R",  # the type variables of emit_event
        "flask_kafka_events.testing.faults.T", "flask_kafka_events.testing.forked_child.T",  # and those of fork
        "dict[str",  # Sphinx cuts dict[str, str | int] at its comma, where it is an attribute's type
    )
]  # fmt: skip
