"""People: subjects and their visits, from the tables of ADNI."""
