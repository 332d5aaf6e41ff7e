"""HTML pages from the Jinja2 templates in the folder `templates` beside this module."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(template: str, **values: object) -> str:
    """Return a template of that folder as a page; texts are escaped, and a missing value raises."""
    return TEMPLATES.get_template(template).render(values)
