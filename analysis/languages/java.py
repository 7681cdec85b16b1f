"""Java."""

from analysis.languages.adapter import Adapter
from analysis.languages.java_flow import flow, flows
from analysis.languages.java_scopes import names

JAVA = Adapter("java", (".java",), names=names, flow=flow, flows=flows)
