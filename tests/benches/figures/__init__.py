"""FIGURES.md and the tables of LEARNING.md, written from the stamped records of runs, ladders and benches."""
