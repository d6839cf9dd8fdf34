"""Carrying a plan out: one job's run, its workers, what they move, and what errors mean."""
