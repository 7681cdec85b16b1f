"""C#."""

from analysis.languages.adapter import Adapter

CSHARP = Adapter("csharp", (".cs",))
