"""A study of one's own: from a folder of tables to a cortex."""
