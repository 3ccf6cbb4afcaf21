"""Programs for developers: they build the package, render a project, and make documents and mutants."""
