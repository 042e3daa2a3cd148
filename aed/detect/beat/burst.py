class BurstScout:
    def __init__(self, levels): pass
    def is_pair_in_sight(self): return True
    def is_pair_at_end(self): return True
