"""What --only asks for."""

import fnmatch


class Selection:
    def __init__(self, patterns):
        self.patterns = patterns

    def has(self, name):
        return not self.patterns or any(self._matches(pattern, name) for pattern in self.patterns)

    def has_program(self, name, path):
        """A program also when one of its own cases has such a name: case names are strings in it."""
        if self.has(name):
            return True
        with open(path, "rb") as file:
            content = file.read()
        return any(len(p) >= 8 and p.isidentifier() and p.encode() in content for p in self.patterns)

    @staticmethod
    def _matches(pattern, name):
        if any(c in pattern for c in "*?["):
            return fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name, f"*{pattern}*")
        return pattern in name
