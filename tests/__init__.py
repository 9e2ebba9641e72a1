"""A package, since a library installs one of this name too."""
