"""What can go wrong in the engine, in words a page or a command can show."""


class SearchIndexError(Exception):
    """The message says what is wrong and how to mend it."""


class IndexLocked(SearchIndexError):
    """Another process kept the keyword index's writer lock for too long."""


class IndexCorrupt(SearchIndexError):
    """The keyword index on disk cannot be read."""


class ModelUnusable(SearchIndexError):
    """The embedding model is missing, damaged or not what its name says."""


class EngineDown(SearchIndexError):
    """Neither leg of the engine answers."""
