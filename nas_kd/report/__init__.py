"""What a finished run looks like: the picture of the front, one HTML page, tables.

The modules are imported one by one, so that a table does not cost the import of a plotting library.
"""
