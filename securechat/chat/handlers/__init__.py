"""What each command does: plain functions from an Ask to effects, one module a subject.

A handler refuses by raising Refusal. The gate (`commands.dispatch`) has checked state and number of parameters before.
"""
