"""Ruby."""

from analysis.languages.adapter import Adapter

RUBY = Adapter("ruby", (".rb", ".rake", ".gemspec"))
