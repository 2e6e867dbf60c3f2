"""How well scores rank trained accuracy, judged by a table: what ``nas-kd rank`` does.

`correlation`, `top`, `intervals` and `judge` are statistics on plain arrays and load no torch.
"""
