"""azremedy says why the next backup of an Azure VM will fail, with evidence, and repairs what can be repaired."""

__version__ = "0.1.0"
