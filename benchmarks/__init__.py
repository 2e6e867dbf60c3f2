"""One command per claim; the results lie beside as CSV, with commit, versions and machine."""
